//! Volumes and claims: who binds them, makes them, protects them, and makes the claims of pods that bring their own.
//!
//! Reading order: [`binder`] (claims find volumes; volumes are released and reclaimed), [`local_path`] (volumes that are
//! directories of a node), [`protection`] (nothing vanishes while it is used), [`ephemeral`] (a claim for one pod).

pub mod binder;
pub mod ephemeral;
pub mod local_path;
pub mod protection;

use std::sync::Arc;

use timonier_client::ObjectKey;

/// What a run of the binder or of the provisioner is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Claim(ObjectKey),
    Volume(Arc<str>),
}
