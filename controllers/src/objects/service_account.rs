//! ServiceAccount: that it is there.

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct ServiceAccount {
    pub metadata: Meta,
}

impl Object for ServiceAccount {
    const KIND: &'static str = "ServiceAccount";
    const RESOURCE: Resource = Resource::of("", "v1", "serviceaccounts");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
