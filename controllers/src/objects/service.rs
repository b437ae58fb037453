//! Service, as those read it who say what is behind it.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Service {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: ServiceSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    pub kind: Arc<str>,
    #[serde(rename = "clusterIP", deserialize_with = "null_as_default")]
    pub cluster_ip: Arc<str>,
    /// Empty for IPv4 alone.
    #[serde(deserialize_with = "null_as_default")]
    pub ip_families: Vec<Arc<str>>,
    /// Empty: somebody else says what is behind it.
    #[serde(deserialize_with = "null_as_default")]
    pub selector: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_as_default")]
    pub ports: Vec<ServicePort>,
    pub publish_not_ready_addresses: Option<bool>,
    pub traffic_distribution: Option<Arc<str>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    #[serde(deserialize_with = "null_as_default")]
    pub name: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub protocol: Arc<str>,
    pub app_protocol: Option<Arc<str>>,
    pub port: i32,
    pub target_port: Option<TargetPort>,
}

/// `8080` or `"http"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum TargetPort {
    Number(i32),
    Name(Arc<str>),
}

impl Object for Service {
    const KIND: &'static str = "Service";
    const RESOURCE: Resource = Resource::of("", "v1", "services");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Service {
    /// All of these labels; without any it selects nothing.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let selector = &self.spec.selector;
        self.has_backends() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
    }

    /// Its pods are found by labels.
    pub fn has_backends(&self) -> bool {
        !self.spec.selector.is_empty() && &*self.spec.kind != "ExternalName"
    }

    pub fn is_headless(&self) -> bool {
        &*self.spec.cluster_ip == "None"
    }

    pub fn publishes_not_ready(&self) -> bool {
        self.spec.publish_not_ready_addresses == Some(true)
    }
}
