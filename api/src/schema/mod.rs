//! Schemas of the kinds: what pruning, merging and OpenAPI know about each field.

mod prune;
mod shape;

pub use prune::{Pruned, TypeError};
pub use shape::{Field, ListKind, PatchStrategy, Schema, Shape, StringFormat};
