//! ReplicaSet, as its own controller and the deployment controller read it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{condition::Condition, pod_owner::PodOwner, selector::Selector};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct ReplicaSet {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: ReplicaSetSpec,
    #[serde(default)]
    pub status: ReplicaSetStatus,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    pub replicas: i32,
    pub min_ready_seconds: i32,
    pub selector: Selector,
    /// Whole, since it is copied into pods; shared, since the view is cloned.
    pub template: Arc<Value>,
}

impl Default for ReplicaSetSpec {
    fn default() -> Self {
        ReplicaSetSpec {
            replicas: 1,
            min_ready_seconds: 0,
            selector: Selector::default(),
            template: Arc::new(Value::Null),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    pub replicas: i32,
    pub fully_labeled_replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub terminating_replicas: Option<i32>,
    pub observed_generation: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

impl Object for ReplicaSet {
    const KIND: &'static str = "ReplicaSet";
    const RESOURCE: Resource = Resource::of("apps", "v1", "replicasets");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// What says how many pods of one template there shall be.
pub trait Replicated: PodOwner {
    /// Its status tells how many pods are ending.
    const COUNTS_TERMINATING: bool;
    fn spec(&self) -> &ReplicaSetSpec;
    fn status(&self) -> &ReplicaSetStatus;
}

impl PodOwner for ReplicaSet {
    fn selector(&self) -> &Selector {
        &self.spec.selector
    }
    fn template(&self) -> &Value {
        &self.spec.template
    }
}

impl Replicated for ReplicaSet {
    const COUNTS_TERMINATING: bool = true;
    fn spec(&self) -> &ReplicaSetSpec {
        &self.spec
    }
    fn status(&self) -> &ReplicaSetStatus {
        &self.status
    }
}
