//! What all controllers share that make pods from a template.
//!
//! [`claim`] says whose pods are whose, [`template`] what a new pod looks like, [`batches`] creates and deletes
//! them, [`preference`] says which rather.

pub mod batches;
pub mod claim;
pub mod preference;
pub mod template;
pub mod template_hash;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::objects::Pod;

/// When the next of these pods will have been ready for `min_ready` seconds.
pub fn next_available(pods: &[Arc<Pod>], min_ready: i32, now: Timestamp) -> Option<SignedDuration> {
    pods.iter().filter_map(|pod| pod.available_in(min_ready, now)).filter(|wait| wait.is_positive()).min()
}
