//! What an engine provides: durable commits and a history. All reading of the present happens in
//! the hub, which the engine feeds.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::{CommitError, Event, ReadError, Revision, Txn};

/// A piece of history: the events asked for of whole revisions, in order, complete up to `through`.
pub(crate) struct Chunk {
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) through: Revision,
}

pub(crate) trait Engine: Send + Sync + 'static {
    /// Does `txn`. When this returns `Ok`, the hub has published it.
    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>>;

    /// A revision that every write acknowledged before this call is at or below.
    fn newest(&self) -> BoxFuture<'static, Result<Revision, ReadError>>;

    /// Some of the events after `after`, not beyond `until` (which has been published), of keys that
    /// start with `prefix`. At least one revision, at most a few megabytes.
    fn history(&self, after: Revision, until: Revision, prefix: &str) -> BoxFuture<'static, Result<Chunk, ReadError>>;

    /// Drops history before `before`, now.
    fn compact(&self, before: Revision) -> BoxFuture<'static, Result<(), ReadError>>;

    /// Bytes that everything takes where it is kept, history included.
    fn size(&self) -> BoxFuture<'static, Result<u64, ReadError>>;

    /// Finishes what was accepted and releases everything. Later commits are refused.
    fn close(&self) -> BoxFuture<'static, ()>;
}
