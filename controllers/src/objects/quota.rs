//! ResourceQuota, as it is counted anew.

use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Quota {
    pub metadata: Meta,
    /// Whole: `timonier_api::quota` reads it.
    #[serde(default)]
    pub spec: Value,
    #[serde(default)]
    pub status: Value,
}

impl Object for Quota {
    const KIND: &'static str = "ResourceQuota";
    const RESOURCE: Resource = Resource::of("", "v1", "resourcequotas");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
