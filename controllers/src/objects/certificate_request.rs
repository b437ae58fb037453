//! CertificateSigningRequest, as its approver and its signer read it.

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::condition::{Condition, condition};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct CertificateRequest {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: CertificateRequestSpec,
    #[serde(default)]
    pub status: CertificateRequestStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CertificateRequestSpec {
    /// Base64 of PEM.
    pub request: String,
    pub signer_name: String,
    pub username: String,
    #[serde(deserialize_with = "null_as_default")]
    pub groups: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub usages: Vec<String>,
    pub expiration_seconds: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CertificateRequestStatus {
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
    #[serde(deserialize_with = "null_as_default")]
    pub certificate: String,
}

impl CertificateRequest {
    pub fn has(&self, kind: &str) -> bool {
        condition(&self.status.conditions, kind).is_some()
    }
}

impl Object for CertificateRequest {
    const KIND: &'static str = "CertificateSigningRequest";
    const RESOURCE: Resource = Resource::of("certificates.k8s.io", "v1", "certificatesigningrequests");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
