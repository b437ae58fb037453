//! Namespace, as its deletion reads it.

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::condition::Condition;

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Namespace {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: NamespaceSpec,
    #[serde(default)]
    pub status: NamespaceStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceSpec {
    #[serde(deserialize_with = "null_as_default")]
    pub finalizers: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

impl Object for Namespace {
    const KIND: &'static str = "Namespace";
    const RESOURCE: Resource = Resource::of("", "v1", "namespaces");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
