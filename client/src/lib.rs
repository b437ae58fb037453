//! What Timonier's own API clients share on top of the `kube` crate.
//!
//! Invariants:
//! - Nothing here knows a kind: resources are data ([`object::Resource`]) and objects are whatever slim view
//!   the caller deserializes.
//! - Views are read-only. They hold some of an object's fields, so they are patched ([`writer::Writer`]) and
//!   never sent back whole.
//! - Time is judged by the monotonic clock of this process; timestamps of others are shown, never compared.
//!
//! Reading order: [`connect`], [`object`], [`watch`], [`informer`], [`writer`], [`queue`], [`runner`],
//! [`events`], [`leader`], [`fence`]; `multiplex` (one connection for all), `traffic` and `metrics` (what is told of them).

pub mod backoff;
pub mod connect;
pub mod events;
pub mod fence;
pub mod informer;
pub mod leader;
mod metrics;
mod multiplex;
pub mod object;
pub mod queue;
pub mod runner;
mod traffic;
pub mod unmanaged;
pub mod watch;
pub mod writer;

pub use connect::{ConnectError, ConnectOptions, connect, local};
pub use informer::Informer;
pub use object::{Meta, Object, ObjectKey, Resource, Revision};
pub use runner::{Next, Reconcile, Runner};
pub use writer::Writer;
