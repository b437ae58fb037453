//! What a rollout is at, and what was before it. Pure.
//!
//! A Deployment's past is in its ReplicaSets, a StatefulSet's and a DaemonSet's in ControllerRevisions.

pub mod history;
pub mod sets;
pub mod status;
