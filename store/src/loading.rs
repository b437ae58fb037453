//! How a place is filled, and why it may not be.

use crate::OpenError;

/// How a place is filled.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How far the place's revisions begin above all that this data, and what the place held before, ever had: at least 1.
    /// Whoever remembers a revision from before then remembers one without a history, and lists again.
    ///
    /// A backup does not know how far its store came after it, so there this has to be large.
    pub raise: u64,
    /// Whether what is there may go.
    pub replace: bool,
}

/// Why a place was not filled.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{place} holds a store already")]
    NotEmpty { place: String },
    #[error("{place} is in use by {user}: stop it first")]
    InUse { place: String, user: String },
    #[error("memory: keeps nothing: name a directory or an etcd cluster")]
    NotKept,
    #[error(transparent)]
    Open(#[from] OpenError),
}
