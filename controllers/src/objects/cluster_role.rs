//! ClusterRole: what it allows, and which others it is made of.

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::selector::Selector;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterRole {
    pub metadata: Meta,
    pub aggregation_rule: Option<AggregationRule>,
    #[serde(deserialize_with = "null_as_default")]
    pub rules: Vec<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AggregationRule {
    #[serde(deserialize_with = "null_as_default")]
    pub cluster_role_selectors: Vec<Selector>,
}

impl Object for ClusterRole {
    const KIND: &'static str = "ClusterRole";
    const RESOURCE: Resource = Resource::of("rbac.authorization.k8s.io", "v1", "clusterroles");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
