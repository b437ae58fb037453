//! ControllerRevision: what a template was once.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct ControllerRevision {
    pub metadata: Meta,
    #[serde(default)]
    pub data: Arc<Value>,
    #[serde(default)]
    pub revision: i64,
}

impl Object for ControllerRevision {
    const KIND: &'static str = "ControllerRevision";
    const RESOURCE: Resource = Resource::of("apps", "v1", "controllerrevisions");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
