//! Schemas of the kinds: what pruning, merging and OpenAPI know about each field.
//!
//! Types come from `k8s-openapi`; how lists and maps merge, which its schemas do not say, from our own table.
//! Reading order: `roots` (where definitions start), `marks` (the table), `definitions` (both together, as JSON),
//! `shape` and `compile` (the compact form that every write walks), `catalogue` (built once), then the two uses,
//! `prune` and [`openapi`].

mod base64;
mod catalogue;
mod compile;
mod definitions;
mod marks;
pub mod openapi;
mod path;
mod prune;
mod roots;
mod shape;

pub use path::TypeError;
pub use prune::Pruned;
pub use shape::{ANYTHING, Field, FieldsInOrder, Link, ListKind, PatchStrategy, Schema, Shape, StringFormat};

/// Whether a text is standard base64 with padding.
pub(crate) fn is_base64(text: &str) -> bool {
    base64::check(text).is_ok()
}

#[cfg(test)]
mod tests;
