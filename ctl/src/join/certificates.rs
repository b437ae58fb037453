//! Getting this node's certificates signed: the key is made here and stays here.

use super::JoinError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::PostParams;
use kube::{Api, Client};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;
use std::time::{Duration, Instant};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// This node towards the API.
    Client,
    /// The agent's own port.
    Serving,
}

impl Use {
    fn signer(self) -> &'static str {
        match self {
            Use::Client => "kubernetes.io/kube-apiserver-client-kubelet",
            Use::Serving => "kubernetes.io/kubelet-serving",
        }
    }

    fn usages(self) -> [&'static str; 2] {
        ["digital signature", if self == Use::Client { "client auth" } else { "server auth" }]
    }
}

/// The request (PEM) of a node for its key.
fn request(key: &KeyPair, node: &str, names: &[String]) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, format!("system:node:{node}"));
    params.serialize_request(key)?.pem()
}

/// Asks for a certificate and waits until it is signed; gives it as PEM.
pub async fn obtain(
    client: &Client,
    key: &KeyPair,
    node: &str,
    names: &[String],
    purpose: Use,
    within: Duration,
) -> Result<String, JoinError> {
    let pem = request(key, node, names).map_err(|error| JoinError::Usage(format!("node {node:?}: {error}")))?;
    let wanted = json!({
        "metadata": {"generateName": "csr-"},
        "spec": {"request": STANDARD.encode(pem), "signerName": purpose.signer(), "usages": purpose.usages()},
    });
    let wanted: CertificateSigningRequest =
        serde_json::from_value(wanted).map_err(|error| JoinError::Usage(error.to_string()))?;
    let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
    let made = requests.create(&PostParams::default(), &wanted).await.map_err(refusal)?;
    let name = made.metadata.name.unwrap_or_default();
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let now = requests.get(&name).await.map_err(refusal)?;
        if let Some(pem) = verdict(&name, &now)? {
            return Ok(pem);
        }
        if start.elapsed() > within {
            return Err(JoinError::NotSigned { name, seconds: within.as_secs() });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

/// The certificate, if it is there; an error when there will be none.
fn verdict(name: &str, request: &CertificateSigningRequest) -> Result<Option<String>, JoinError> {
    let Some(status) = &request.status else { return Ok(None) };
    for condition in status.conditions.iter().flatten() {
        let (name, message) = (name.to_string(), condition.message.clone().unwrap_or_default());
        match condition.type_.as_str() {
            "Denied" => return Err(JoinError::Denied { name, message }),
            "Failed" => return Err(JoinError::Failed { name, message }),
            _ => {}
        }
    }
    let Some(bytes) = status.certificate.as_ref().filter(|bytes| !bytes.0.is_empty()) else { return Ok(None) };
    let pem = String::from_utf8(bytes.0.clone());
    pem.map(Some).map_err(|error| JoinError::Refused(format!("the certificate is no text: {error}")))
}

pub fn refusal(error: kube::Error) -> JoinError {
    match error {
        kube::Error::Api(status) if status.code == 401 => JoinError::Token,
        kube::Error::Api(status) => JoinError::Refused(status.message.clone()),
        other => JoinError::Refused(super::discovery::innermost(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_status(status: serde_json::Value) -> CertificateSigningRequest {
        let spec = json!({"request": "", "signerName": "a/b"});
        serde_json::from_value(json!({"metadata": {}, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn a_request_waits_until_it_is_signed_or_refused() {
        assert_eq!(verdict("a", &with_status(json!({}))).unwrap(), None);
        let approved = json!({"conditions": [{"type": "Approved", "status": "True"}]});
        assert_eq!(verdict("a", &with_status(approved)).unwrap(), None);
        let signed = json!({"certificate": STANDARD.encode("PEM")});
        assert_eq!(verdict("a", &with_status(signed)).unwrap().as_deref(), Some("PEM"));
        let denied = json!({"conditions": [{"type": "Denied", "status": "True", "message": "taken"}]});
        let error = verdict("csr-1", &with_status(denied)).unwrap_err().to_string();
        assert!(error.contains("csr-1") && error.contains("taken"), "{error}");
    }
}
