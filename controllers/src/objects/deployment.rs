//! Deployment, as its controller reads it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{condition::Condition, pod_owner::PodOwner, selector::Selector, strategy::Strategy};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Deployment {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: DeploymentSpec,
    #[serde(default)]
    pub status: DeploymentStatus,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentSpec {
    pub replicas: i32,
    pub min_ready_seconds: i32,
    pub selector: Selector,
    pub template: Arc<Value>,
    #[serde(deserialize_with = "null_as_default")]
    pub strategy: Strategy,
    pub paused: bool,
    pub revision_history_limit: Option<i32>,
    /// Seconds. None, or the largest number, is no deadline.
    pub progress_deadline_seconds: Option<i32>,
}

impl Default for DeploymentSpec {
    fn default() -> Self {
        DeploymentSpec {
            replicas: 1,
            min_ready_seconds: 0,
            selector: Selector::default(),
            template: Arc::new(Value::Null),
            strategy: Strategy::default(),
            paused: false,
            revision_history_limit: None,
            progress_deadline_seconds: None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    pub observed_generation: i64,
    pub replicas: i32,
    pub updated_replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub unavailable_replicas: i32,
    pub terminating_replicas: Option<i32>,
    pub collision_count: Option<i32>,
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

impl PodOwner for Deployment {
    fn selector(&self) -> &Selector {
        &self.spec.selector
    }

    fn template(&self) -> &Value {
        &self.spec.template
    }
}

impl Object for Deployment {
    const KIND: &'static str = "Deployment";
    const RESOURCE: Resource = Resource::of("apps", "v1", "deployments");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
