//! What all controllers share that make pods from a template.
//!
//! [`claim`] says whose pods are whose, [`template`] what a new pod looks like, [`batches`] creates and deletes
//! them, [`preference`] says which rather.

pub mod batches;
pub mod claim;
pub mod preference;
pub mod template;
pub mod template_hash;

use serde_json::Value;
use timonier_client::Object;

use crate::objects::Selector;

/// An object that owns the pods which its selector matches.
pub trait PodOwner: Object {
    fn selector(&self) -> &Selector;
    /// A PodTemplateSpec, whole.
    fn template(&self) -> &Value;
}
