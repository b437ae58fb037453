//! The store: bytes by key, with one revision counter for all of them, that can be watched.
//!
//! It knows nothing of what is stored. Everything else in Timonier talks through it.
//!
//! Invariants
//! - A transaction is all or nothing and happens at one [`Revision`]; revisions only grow, also
//!   across restarts. A transaction that changes nothing takes no revision.
//! - A revision that [`Store::commit`] returned is durable (as far as the engine can be) and
//!   is in every later [`Store::snapshot`] of the same `Store`.
//! - A watch delivers every matching event after its start, in order, once, or ends with an error.
//!   It never shows an event that `snapshot()` does not yet contain.
//! - The writer never waits for a reader. Memory held for readers is bounded: a watcher that
//!   falls behind reads from the engine's history, and beyond the history it is cut off.
//! - Damaged data is a named error, never a silent start with less.
//!
//! Reading order: [`entry`](Entry), [`value`](Value) and `pool` (what values share), [`txn`](Txn), `stage` (what a transaction does, pure),
//! [`snapshot`](Snapshot), `filter`, `floors` (how far back history reaches), `topics`, `topic`, `waiters`, `tail`, `arrivals`,
//! `hub` and `sweep` (who is woken by a commit, and when), [`watch`](Watch), `past` (any revision in the window), `timeline`
//! (when revisions were), `engine` (what an engine provides), `trail` (a commit's steps in traces), `memory`, `embedded` (our own log; its file format is
//! described there), `etcd`, and `store`, which ties them together. Apart from these: [`dump`] (everything as one stream,
//! what backups hold) and [`load`](load()) (filling a place with it).

mod arrivals;
mod batch;
pub mod dump;
mod embedded;
mod engine;
mod entry;
mod error;
mod etcd;
mod filter;
mod floors;
mod hub;
mod load;
mod loading;
mod memo;
mod memory;
mod options;
mod past;
mod pool;
mod snapshot;
mod stage;
mod store;
mod sweep;
mod tail;
mod timeline;
mod topic;
mod topics;
mod trail;
mod txn;
mod value;
mod waiters;
mod watch;

pub use batch::Batch;
pub use entry::{Entry, Event, Key, Revision};
pub use error::{CommitError, OpenError, ReadError, WatchEnd};
pub use filter::Filter;
pub use load::{exists, load, user};
pub use loading::{Load, LoadError};
pub use options::{Options, StoreUrl, UrlError};
pub use pool::FindParts;
pub use snapshot::Snapshot;
pub use store::Store;
pub use timeline::Moment;
pub use txn::{Condition, Op, Txn};
pub use value::Value;
pub use watch::Watch;
