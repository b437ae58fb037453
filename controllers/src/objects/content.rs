//! What ConfigMaps and Secrets hold, for those who compare it. Followed as metadata alone, they hold nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigContent {
    pub metadata: Meta,
    #[serde(default, deserialize_with = "null_as_default")]
    data: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    binary_data: BTreeMap<String, String>,
}

impl ConfigContent {
    /// Texts and bytes: a key is in one of both only.
    pub fn into_content(self) -> BTreeMap<String, String> {
        let mut content = self.data;
        content.extend(self.binary_data);
        content
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct SecretContent {
    pub metadata: Meta,
    #[serde(default, deserialize_with = "null_as_default")]
    pub data: BTreeMap<String, String>,
}

impl Object for ConfigContent {
    const KIND: &'static str = "ConfigMap";
    const RESOURCE: Resource = Resource::of("", "v1", "configmaps");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for SecretContent {
    const KIND: &'static str = "Secret";
    const RESOURCE: Resource = Resource::of("", "v1", "secrets");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
