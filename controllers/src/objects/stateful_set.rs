//! StatefulSet, as its controller reads it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{IntOrPercent, PodOwner, Selector};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct StatefulSet {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: StatefulSetSpec,
    #[serde(default)]
    pub status: StatefulSetStatus,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetSpec {
    pub replicas: i32,
    pub min_ready_seconds: i32,
    pub selector: Selector,
    pub template: Arc<Value>,
    #[serde(deserialize_with = "null_as_default")]
    pub service_name: String,
    /// `Parallel`, or anything else for one after another.
    pub pod_management_policy: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub update_strategy: UpdateStrategy,
    pub revision_history_limit: Option<i32>,
    #[serde(deserialize_with = "null_as_default")]
    pub ordinals: Ordinals,
    #[serde(deserialize_with = "null_as_default")]
    pub volume_claim_templates: Arc<Vec<Value>>,
    #[serde(deserialize_with = "null_as_default")]
    pub persistent_volume_claim_retention_policy: Retention,
}

impl Default for StatefulSetSpec {
    fn default() -> Self {
        StatefulSetSpec {
            replicas: 1,
            min_ready_seconds: 0,
            selector: Selector::default(),
            template: Arc::new(Value::Null),
            service_name: String::new(),
            pod_management_policy: Arc::default(),
            update_strategy: UpdateStrategy::default(),
            revision_history_limit: None,
            ordinals: Ordinals::default(),
            volume_claim_templates: Arc::default(),
            persistent_volume_claim_retention_policy: Retention::default(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateStrategy {
    /// `OnDelete`, or anything else for a rolling update.
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    pub rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    #[serde(deserialize_with = "null_as_default")]
    pub partition: i32,
    pub max_unavailable: Option<IntOrPercent>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Ordinals {
    pub start: i32,
}

/// What becomes of claims: `Delete`, or anything else to keep them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    pub when_deleted: Arc<str>,
    pub when_scaled: Arc<str>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStatus {
    pub observed_generation: i64,
    pub replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub current_replicas: i32,
    pub updated_replicas: i32,
    #[serde(deserialize_with = "null_as_default")]
    pub current_revision: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub update_revision: Arc<str>,
    pub collision_count: Option<i32>,
}

impl StatefulSet {
    /// Pods come and go all at once.
    pub fn is_parallel(&self) -> bool {
        &*self.spec.pod_management_policy == "Parallel"
    }

    pub fn rolls(&self) -> bool {
        &*self.spec.update_strategy.kind != "OnDelete"
    }
}

impl Object for StatefulSet {
    const KIND: &'static str = "StatefulSet";
    const RESOURCE: Resource = Resource::of("apps", "v1", "statefulsets");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl PodOwner for StatefulSet {
    fn selector(&self) -> &Selector {
        &self.spec.selector
    }
    fn template(&self) -> &Value {
        &self.spec.template
    }
}
