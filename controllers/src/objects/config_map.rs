//! ConfigMap, as those who publish one read it.

use std::collections::BTreeMap;

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct ConfigMap {
    pub metadata: Meta,
    #[serde(default, deserialize_with = "null_as_default")]
    pub data: BTreeMap<String, String>,
}

impl Object for ConfigMap {
    const KIND: &'static str = "ConfigMap";
    const RESOURCE: Resource = Resource::of("", "v1", "configmaps");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
