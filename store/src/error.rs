//! Everything that can go wrong, by what the caller can do about it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{Entry, Key, Moment, Revision};

/// Why a transaction was not (or perhaps not) done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A condition did not hold; nothing was done. `current` is the key's entry at that moment.
    #[error("conflict on key {key:?}: {}", describe(.current))]
    Conflict { key: Key, current: Option<Arc<Entry>> },
    /// It may have happened, or not: read again before deciding.
    #[error("the outcome of the write is unknown: {0}")]
    Unknown(String),
    /// The engine takes no transaction of this size; nothing was done.
    #[error("the transaction is too large: {size} {what}, the limit is {limit}")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    /// The transaction itself makes no sense; nothing was done.
    #[error("invalid transaction: {0}")]
    Invalid(String),
    /// Nothing was done; trying again later may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

fn describe(current: &Option<Arc<Entry>>) -> String {
    match current {
        Some(entry) => format!("it is at revision {}", entry.revision),
        None => "it does not exist".to_owned(),
    }
}

/// Why a read or a watch can't be answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The revision is before the history that is kept.
    #[error("the revision is no longer kept, the oldest is {oldest}")]
    Compacted { oldest: Revision },
    /// The time is before the history that is kept.
    #[error("there is no history of that time, the oldest is revision {}", .first.revision)]
    TooEarly { first: Moment },
    /// The revision has not happened yet (or not here, within the time allowed).
    #[error("the revision is in the future, the current one is {current}")]
    Future { current: Revision },
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Stored data is damaged: the file (or key) and what is wrong with it.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
}

/// Why a watch ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WatchEnd {
    /// The watcher fell out of the history that is kept: list again.
    #[error("the watcher is too far behind, the oldest revision kept is {oldest}")]
    Lagged { oldest: Revision },
    /// The store was closed.
    #[error("the store was closed")]
    Closed,
    /// The history that this watcher needs can't be read now: resume from its `progress()`.
    #[error(transparent)]
    Failed(ReadError),
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{what} holds format {found} of the store, this version reads up to {supported}: use a newer version of the program"
    )]
    NewerFormat { what: String, found: u64, supported: u64 },
    #[error("{file} is damaged at byte {offset}: {problem}")]
    Corrupt { file: PathBuf, offset: u64, problem: String },
    /// A value in etcd that we can't read.
    #[error("etcd key {key} is damaged: {problem}")]
    CorruptKey { key: String, problem: String },
    #[error("{dir} is in use by process {pid}: stop it first, or choose another directory")]
    Locked { dir: PathBuf, pid: String },
    #[error("{dir} is not empty and holds no store (no file named `format`): choose another directory")]
    NotAStore { dir: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("etcd at {endpoints}: {problem}")]
    Unreachable { endpoints: String, problem: String },
    #[error("store option {option}: {problem}")]
    Option { option: &'static str, problem: String },
}
