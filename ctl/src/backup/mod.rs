//! What backups, restores and moves of a store share.

pub mod partial;
pub mod place;
pub mod progress;

use crate::error::Error;
use jiff::Timestamp;
use timonier_store::dump::{DumpError, Verified};
use timonier_store::{LoadError, OpenError};

/// How far revisions are raised: beyond whatever a store can have reached after its backup. On etcd one write can take 128.
pub const BUMP: u64 = 100_000_000_000;

/// One line about a backup that is whole.
pub fn describe(verified: &Verified) -> String {
    let head = &verified.head;
    let made = Timestamp::try_from(head.made).map_or_else(|_| "-".to_owned(), |made| format!("{made:.0}"));
    format!(
        "revision {}, {} objects, {} bytes, made {made}, sha256:{}",
        head.revision,
        head.entries,
        verified.length,
        verified.checksum()
    )
}

/// Names the file that is not believed.
pub fn unreadable(file: &str, error: DumpError) -> Error {
    match error {
        DumpError::Io(source) => Error::Read { path: file.to_owned(), source },
        other => Error::usage(format!("{file}: {other}")),
    }
}

pub fn not_opened(error: OpenError) -> Error {
    Error::usage(error.to_string())
}

pub fn not_loaded(error: LoadError) -> Error {
    match error {
        LoadError::NotEmpty { .. } => Error::usage(format!("{error}: give --force to replace it")),
        other => Error::usage(other.to_string()),
    }
}
