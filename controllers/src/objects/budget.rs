//! PodDisruptionBudget, as its controller reads it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{IntOrPercent, condition::Condition, selector::Selector};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Budget {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: BudgetSpec,
    #[serde(default)]
    pub status: BudgetStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetSpec {
    pub min_available: Option<IntOrPercent>,
    pub max_unavailable: Option<IntOrPercent>,
    /// None selects nothing.
    pub selector: Option<Selector>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetStatus {
    pub observed_generation: i64,
    pub disruptions_allowed: i64,
    pub current_healthy: i64,
    pub desired_healthy: i64,
    pub expected_pods: i64,
    /// Pods whose eviction was allowed, and when, as long as they are still there.
    #[serde(deserialize_with = "null_as_default")]
    pub disrupted_pods: BTreeMap<String, Timestamp>,
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

impl Object for Budget {
    const KIND: &'static str = "PodDisruptionBudget";
    const RESOURCE: Resource = Resource::of("policy", "v1", "poddisruptionbudgets");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
