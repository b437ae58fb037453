//! What makes pods of a template, and owns those that its selector matches.

use serde_json::Value;
use timonier_client::Object;

use super::selector::Selector;

/// An object that owns the pods which its selector matches.
pub trait PodOwner: Object {
    fn selector(&self) -> &Selector;
    /// A PodTemplateSpec, whole.
    fn template(&self) -> &Value;
}
