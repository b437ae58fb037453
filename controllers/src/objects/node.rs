//! Node, as the address allocator reads it.

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Node {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: NodeSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    #[serde(rename = "podCIDR", deserialize_with = "null_as_default")]
    pub pod_cidr: String,
}

impl Object for Node {
    const KIND: &'static str = "Node";
    const RESOURCE: Resource = Resource::of("", "v1", "nodes");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
