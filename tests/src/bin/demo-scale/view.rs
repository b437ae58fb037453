//! Nodes, pods and Deployments as far as they are shown.

use serde::Deserialize;
use timonier_client::object::{Meta, Object, Resource, null_as_default};

#[derive(Debug, Clone, Deserialize)]
pub struct Condition {
    pub r#type: String,
    pub status: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Node {
    metadata: Meta,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct NodeStatus {
    #[serde(default, deserialize_with = "null_as_default")]
    conditions: Vec<Condition>,
}

impl Node {
    pub fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|condition| condition.r#type == "Ready" && condition.status == "True")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Pod {
    metadata: Meta,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct PodStatus {
    phase: Option<String>,
}

impl Pod {
    /// How many of the stages created, bound and running it has reached.
    pub fn stages(&self) -> usize {
        let bound = self.spec.node_name.as_ref().is_some_and(|name| !name.is_empty());
        let running = self.status.phase.as_deref() == Some("Running");
        1 + usize::from(bound) + usize::from(bound && running)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Deployment {
    metadata: Meta,
    #[serde(default)]
    status: DeploymentStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentStatus {
    #[serde(default)]
    available_replicas: usize,
}

impl Deployment {
    pub fn available(&self) -> usize {
        self.status.available_replicas
    }
}

impl Object for Node {
    const KIND: &'static str = "Node";
    const RESOURCE: Resource = Resource::of("", "v1", "nodes");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for Pod {
    const KIND: &'static str = "Pod";
    const RESOURCE: Resource = Resource::of("", "v1", "pods");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for Deployment {
    const KIND: &'static str = "Deployment";
    const RESOURCE: Resource = Resource::of("apps", "v1", "deployments");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
