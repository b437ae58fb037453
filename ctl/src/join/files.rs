//! What a node that joined keeps: `DIR/{node.yaml, pki/{ca.crt, nodes/NAME.{key,crt,kubeconfig}, nodes/NAME-client.crt}}`.
//!
//! The names are those of `kctl pki node`, so that `timonier-nodeagent --pki DIR/pki` runs the same node.

use super::JoinError;
use crate::local::settings::RuntimeKind;
use crate::pki::PkiError;
use crate::pki::kubeconfig::{Credential, Kubeconfig};
use crate::pki::layout::{Layout, read, write};
use rcgen::KeyPair;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const API_VERSION: &str = "timonier.io/v1";
const KIND: &str = "JoinedNode";
/// Certificates with less left are asked for anew.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the first `kctl node join` decided, kept for every later one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    /// `https://host:port` of the API server.
    pub server: String,
    pub address: IpAddr,
    pub port: u16,
    pub runtime: RuntimeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge_subnet: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_manifest_path: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What this node's containers are labelled with, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    pub fn new(dir: &Path) -> Files {
        Files { dir: dir.to_path_buf() }
    }

    pub fn pki(&self) -> Layout {
        Layout::new(self.dir.join("pki"))
    }

    pub fn volumes(&self) -> PathBuf {
        self.dir.join("volumes")
    }

    fn settings(&self) -> PathBuf {
        self.dir.join("node.yaml")
    }

    pub fn load(&self) -> Result<Option<Node>, JoinError> {
        let path = self.settings();
        if !path.exists() {
            return Ok(None);
        }
        let malformed = |detail: String| JoinError::Usage(format!("{}: {detail}", path.display()));
        let node: Node = serde_saphyr::from_str(&read(&path)?).map_err(|error| malformed(error.to_string()))?;
        if (node.api_version.as_str(), node.kind.as_str()) != (API_VERSION, KIND) {
            return Err(malformed(format!("apiVersion and kind must be {API_VERSION}, {KIND}")));
        }
        Ok(Some(node))
    }

    pub fn save(&self, node: &Node) -> Result<(), JoinError> {
        let text = serde_saphyr::to_string(node).map_err(|error| JoinError::Usage(error.to_string()))?;
        Ok(write(&self.settings(), &text)?)
    }

    /// This node's key: read, or made.
    pub fn key(&self, name: &str) -> Result<KeyPair, JoinError> {
        let path = self.pki().key(&key_name(name));
        if path.exists() {
            let malformed = |error: rcgen::Error| PkiError::Malformed { path: path.clone(), detail: error.to_string() };
            return Ok(KeyPair::from_pem(&read(&path)?).map_err(malformed)?);
        }
        let failed = |source| PkiError::Issue { subject: format!("node {name}"), source };
        let key = KeyPair::generate().map_err(failed)?;
        write(&path, &key.serialize_pem())?;
        Ok(key)
    }

    /// The CA that was checked when this node joined.
    pub fn ca(&self) -> Result<Option<String>, JoinError> {
        let path = self.pki().certificate("ca");
        if path.exists() { Ok(Some(read(&path)?)) } else { Ok(None) }
    }

    pub fn save_ca(&self, pem: &str) -> Result<(), JoinError> {
        Ok(write(&self.pki().certificate("ca"), pem)?)
    }

    /// Where the certificate towards the API is, and that of the agent's port.
    fn client_certificate(&self, name: &str) -> PathBuf {
        self.pki().certificate(&format!("nodes/{name}-client"))
    }

    fn serving_certificate(&self, name: &str) -> PathBuf {
        self.pki().certificate(&key_name(name))
    }

    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        self.pki().kubeconfig(&key_name(name))
    }

    /// How good the client certificate is.
    pub fn client_state(&self, name: &str) -> State {
        state(&self.client_certificate(name))
    }

    /// How good the serving certificate is for this address.
    pub fn serving_state(&self, node: &Node) -> State {
        state(&self.serving_certificate(&node.name))
    }

    pub fn save_client(&self, node: &Node, ca_pem: &str, pem: &str) -> Result<(), JoinError> {
        write(&self.client_certificate(&node.name), pem)?;
        let kubeconfig = Kubeconfig {
            cluster: "timonier".into(),
            server: node.server.clone(),
            ca_pem: ca_pem.into(),
            user: node.name.clone(),
            credential: Credential::Certificate {
                certificate_pem: pem.into(),
                key_pem: read(&self.pki().key(&key_name(&node.name)))?,
            },
        };
        Ok(write(&self.kubeconfig(&node.name), &kubeconfig.to_string())?)
    }

    /// Writes the kubeconfig again when the API server is dialled under another address than before.
    pub fn point_to_server(&self, node: &Node, ca_pem: &str) -> Result<(), JoinError> {
        if self.load()?.is_none_or(|kept| kept.server == node.server) {
            return Ok(());
        }
        self.save_client(node, ca_pem, &read(&self.client_certificate(&node.name))?)
    }

    pub fn save_serving(&self, name: &str, pem: &str) -> Result<(), JoinError> {
        Ok(write(&self.serving_certificate(name), pem)?)
    }

    pub fn serving(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.serving_certificate(name), self.pki().key(&key_name(name)))
    }
}

impl Node {
    pub fn new(name: String, server: String, address: IpAddr, port: u16, runtime: RuntimeKind) -> Node {
        Node {
            api_version: API_VERSION.into(),
            kind: KIND.into(),
            name,
            server,
            address,
            port,
            runtime,
            docker_host: None,
            bridge_subnet: None,
            pod_manifest_path: None,
            labels: vec![],
            cluster_id: None,
        }
    }
}

fn key_name(node: &str) -> String {
    format!("nodes/{node}")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// None, or none that could still be used.
    Missing,
    /// Good, but not for much longer.
    Ending,
    Good,
}

fn state(path: &Path) -> State {
    let Ok(text) = std::fs::read_to_string(path) else { return State::Missing };
    let Ok((_, block)) = x509_parser::pem::parse_x509_pem(text.as_bytes()) else { return State::Missing };
    let Ok(certificate) = block.parse_x509() else { return State::Missing };
    match certificate.validity().time_to_expiration().map(|left| left.unsigned_abs()) {
        None => State::Missing,
        Some(left) if left < RENEW_BEFORE => State::Ending,
        Some(_) => State::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(days: u64) -> String {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = (std::time::SystemTime::now() + Duration::from_secs(days * 24 * 3600)).into();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn what_was_decided_and_made_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path());
        assert_eq!(files.load().unwrap(), None);
        let mut node =
            Node::new("w1".into(), "https://10.0.0.5:6443".into(), [10, 0, 0, 7].into(), 10250, RuntimeKind::Docker);
        node.labels = vec!["a=b".into()];
        files.save(&node).unwrap();
        assert_eq!(files.load().unwrap(), Some(node.clone()));
        let key = files.key("w1").unwrap().serialize_pem();
        assert_eq!(files.key("w1").unwrap().serialize_pem(), key);
        files.save_client(&node, "CA", "CERT").unwrap();
        let kubeconfig = std::fs::read_to_string(files.kubeconfig("w1")).unwrap();
        assert!(kubeconfig.contains("server: https://10.0.0.5:6443"), "{kubeconfig}");
    }

    #[test]
    fn a_certificate_is_asked_for_again_before_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.crt");
        assert_eq!(state(&path), State::Missing);
        for (days, expected) in [(365, State::Good), (10, State::Ending)] {
            std::fs::write(&path, certificate(days)).unwrap();
            assert_eq!(state(&path), expected, "{days}");
        }
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(state(&path), State::Missing);
    }
}
