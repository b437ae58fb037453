//! Talking to node agents: the kubelet's routes, over TLS, with the one client certificate that they accept.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use serde_json::Value;
use timonier_api::status::Status;

use crate::config::{PkiPaths, StartError};
use crate::serve::tls;

pub struct Agents(Client<HttpsConnector<HttpConnector>, Body>);

impl Agents {
    pub fn new(pki: &PkiPaths) -> Result<Agents, StartError> {
        let wrong = |reason: rustls::Error| StartError::Credentials {
            path: pki.kubelet_client_cert.clone(),
            reason: reason.to_string(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_root_certificates(tls::roots(&pki.ca_cert)?)
            .with_client_auth_cert(tls::certificates(&pki.kubelet_client_cert)?, tls::key(&pki.kubelet_client_key)?)
            .map_err(wrong)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build();
        Ok(Agents(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// A GET whose answer may be a stream without end.
    pub async fn get(&self, uri: Uri) -> Result<Response<Incoming>, Status> {
        self.send(Request::get(uri).body(Body::empty()).map_err(Status::internal)?).await
    }

    /// Any request; an answer 101 has the connection to itself.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Status> {
        self.try_send(request).await.map_err(Status::internal)
    }

    /// The same; the error is why there is no answer.
    pub async fn try_send(&self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        self.0.request(request).await.map_err(|error| {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                text = format!("{text}: {inner}");
                source = inner.source();
            }
            format!("{} {:?}: {text}", titled(&method), uri.to_string())
        })
    }
}

/// As Go's client names a method: `Get`.
fn titled(method: &Method) -> String {
    let (first, rest) = method.as_str().split_at(1);
    format!("{first}{}", rest.to_lowercase())
}

/// Address and port of a node's agent, as the node itself tells them.
pub fn authority(node: &Value, name: &str) -> Result<String, Status> {
    let addresses = node["status"]["addresses"].as_array().cloned().unwrap_or_default();
    let of_type = |kind: &str| {
        let found = addresses.iter().find(|address| address["type"] == kind);
        found.and_then(|address| address["address"].as_str()).map(str::to_string)
    };
    let address = of_type("InternalIP")
        .or_else(|| of_type("ExternalIP"))
        .or_else(|| of_type("Hostname"))
        .ok_or_else(|| Status::internal(format!("no preferred addresses found for node {name:?}")))?;
    let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().unwrap_or(10250);
    Ok(match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    })
}
