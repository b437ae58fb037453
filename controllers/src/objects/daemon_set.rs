//! DaemonSet, as its controller reads it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{Condition, PodOwner, Selector, strategy::Strategy};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct DaemonSet {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: DaemonSetSpec,
    #[serde(default)]
    pub status: DaemonSetStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetSpec {
    pub min_ready_seconds: i32,
    pub selector: Selector,
    pub template: Arc<Value>,
    #[serde(deserialize_with = "null_as_default")]
    pub update_strategy: Strategy,
    pub revision_history_limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    pub observed_generation: i64,
    pub desired_number_scheduled: i32,
    pub current_number_scheduled: i32,
    pub number_misscheduled: i32,
    pub number_ready: i32,
    pub number_available: i32,
    pub number_unavailable: i32,
    pub updated_number_scheduled: i32,
    pub collision_count: Option<i32>,
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

impl Object for DaemonSet {
    const KIND: &'static str = "DaemonSet";
    const RESOURCE: Resource = Resource::of("apps", "v1", "daemonsets");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl PodOwner for DaemonSet {
    fn selector(&self) -> &Selector {
        &self.spec.selector
    }
    fn template(&self) -> &Value {
        &self.spec.template
    }
}
