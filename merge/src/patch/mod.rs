//! The patches without owners: RFC 6902, RFC 7386 and Kubernetes' strategic merge.

mod json;
mod merge;
mod strategic;

#[cfg(test)]
mod tests;

pub use json::json_patch;
pub use merge::merge_patch;
pub use strategic::strategic;

/// Why a patch could not be applied. The server answers 400 to [`PatchError::Malformed`] and 422 to the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The body is not a patch of its type at all.
    #[error("{0}")]
    Malformed(String),
    /// A JSON patch operation cannot be carried out on this document.
    #[error("patch operation {index} ({operation}) at {path:?} failed: {detail}")]
    Operation { index: usize, operation: String, path: String, detail: String },
    /// A strategic merge patch does not fit the kind's schema.
    #[error("{path}: {detail}")]
    Strategic { path: String, detail: String },
}
