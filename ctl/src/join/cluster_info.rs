//! `kube-public/cluster-info`: where a cluster says that it is, and its CA.

use crate::cluster::{Call, Session};
use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

pub const PATH: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// `https://host:port`
    pub server: String,
    pub ca_pem: String,
}

#[derive(Deserialize)]
struct Kubeconfig {
    clusters: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    cluster: Cluster,
}

#[derive(Deserialize)]
struct Cluster {
    server: String,
    #[serde(rename = "certificate-authority-data")]
    ca: String,
}

impl ClusterInfo {
    /// Reads the ConfigMap.
    pub fn of(config_map: &Value) -> Result<ClusterInfo, String> {
        let text = config_map["data"]["kubeconfig"].as_str().ok_or("cluster-info holds no kubeconfig")?;
        let kubeconfig: Kubeconfig = serde_saphyr::from_str(text).map_err(|error| format!("cluster-info: {error}"))?;
        let Some(Named { cluster }) = kubeconfig.clusters.into_iter().next() else {
            return Err("cluster-info names no cluster".into());
        };
        let ca = STANDARD.decode(&cluster.ca).map_err(|error| format!("cluster-info: {error}"))?;
        let ca_pem = String::from_utf8(ca).map_err(|error| format!("cluster-info: {error}"))?;
        Ok(ClusterInfo { server: cluster.server, ca_pem })
    }

    /// Whether only programs of the cluster's own machine reach the server.
    pub fn is_local(&self) -> bool {
        let uri: Option<http::Uri> = self.server.parse().ok();
        let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// What the cluster of a session publishes.
pub async fn published(session: &Session) -> Result<ClusterInfo, Error> {
    let found = session.json(Call::get(PATH)).await.map_err(|error| match error.is_not_found() {
        true => Error::usage(
            "the cluster publishes no cluster-info (kube-public): its controllers need the CA's key, \
             timonier-controllers --pki DIR",
        ),
        false => error,
    })?;
    ClusterInfo::of(&found).map_err(Error::Protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn server_and_ca_are_read_and_local_servers_recognised() {
        let text = |server: &str| {
            let ca = STANDARD.encode("PEM");
            json!({"data": {"kubeconfig": format!(
                "clusters:\n- name: \"\"\n  cluster:\n    server: {server}\n    certificate-authority-data: {ca}\n")}})
        };
        let info = ClusterInfo::of(&text("https://10.0.0.5:6443")).unwrap();
        assert_eq!((info.server.as_str(), info.ca_pem.as_str()), ("https://10.0.0.5:6443", "PEM"));
        assert!(!info.is_local());
        for local in ["https://127.0.0.1:6443", "https://127.3.4.5:1", "https://localhost:6443", "https://[::1]:6443"] {
            assert!(ClusterInfo::of(&text(local)).unwrap().is_local(), "{local}");
        }
        assert!(ClusterInfo::of(&json!({})).is_err());
        assert!(ClusterInfo::of(&json!({"data": {"kubeconfig": "clusters: []"}})).is_err());
    }
}
