//! What is told of the cluster's authority, and who signs for it.

pub mod start;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::authority::Authority;

/// Where the cluster is, and how to know that it is the right one.
#[derive(Clone, Default)]
pub struct Trust {
    /// The CA's certificate (PEM). `None`: nothing is published.
    pub ca: Option<String>,
    /// What clients dial, `https://host:port`. `None`: nothing is said of that.
    pub server: Option<String>,
    /// Signs certificates of nodes; without it nobody does.
    pub authority: Option<Arc<Authority>>,
}

impl Trust {
    /// What a connection to the API and the authority itself tell.
    pub fn of(connection: &kube::Config, authority: Option<Arc<Authority>>) -> Trust {
        let known = || connection.root_cert.as_ref()?.first().map(|der| pem(der));
        Trust {
            ca: authority.as_ref().map(|authority| authority.pem().to_string()).or_else(known),
            server: Some(connection.cluster_url.to_string().trim_end_matches('/').to_string()),
            authority,
        }
    }
}

/// A certificate as text (RFC 7468).
fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", body.join("\n"))
}
