//! Node, as the address allocator and the node controllers read it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use timonier_api::quantity::Quantity;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::condition::ConditionStatus;

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Node {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: NodeSpec,
    #[serde(default)]
    pub status: NodeStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    #[serde(rename = "podCIDR", deserialize_with = "null_as_default")]
    pub pod_cidr: String,
    #[serde(deserialize_with = "null_as_default")]
    pub unschedulable: bool,
    #[serde(deserialize_with = "null_as_default")]
    pub taints: Vec<Taint>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// Thousandths of a processor that pods may have.
    #[serde(rename = "allocatable", deserialize_with = "only_processors")]
    pub processors: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<NodeCondition>,
}

/// What else a node has is nobody's business here.
fn only_processors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Allocatable {
        cpu: Option<String>,
    }
    let all: Allocatable = null_as_default(deserializer)?;
    let amount = all.cpu.and_then(|text| text.parse::<Quantity>().ok());
    Ok(amount.map_or(0, |amount| amount.milli()))
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    pub key: Arc<str>,
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "str::is_empty")]
    pub value: String,
    pub effect: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_added: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeCondition {
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    pub status: ConditionStatus,
    pub last_heartbeat_time: Option<Timestamp>,
}

impl Taint {
    pub fn is(&self, key: &str, effect: &str) -> bool {
        &*self.key == key && &*self.effect == effect
    }
}

impl Node {
    pub fn condition(&self, kind: &str) -> Option<&NodeCondition> {
        self.status.conditions.iter().find(|condition| &*condition.kind == kind)
    }

    /// What its Ready condition says; None when nobody has said anything yet.
    pub fn ready(&self) -> Option<ConditionStatus> {
        self.condition("Ready").map(|ready| ready.status)
    }

    pub fn is_ready(&self) -> bool {
        self.ready() == Some(ConditionStatus::True)
    }

    pub fn has_taint(&self, key: &str, effect: &str) -> bool {
        self.spec.taints.iter().any(|taint| taint.is(key, effect))
    }
}

impl Object for Node {
    const KIND: &'static str = "Node";
    const RESOURCE: Resource = Resource::of("", "v1", "nodes");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
