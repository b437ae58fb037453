//! A server of its own for each test, with credentials made on the spot, and plain HTTP clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tempfile::TempDir;
use timonier_apiserver::{Config, Limits, PkiPaths, Retention, Server};
use timonier_store::{Store, StoreUrl};

/// Nothing here waits longer than this.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Cluster {
    pub server: Server,
    pub store: Store,
    address: SocketAddr,
    pki: TempDir,
}

/// How a client says who it is.
#[derive(Clone)]
pub enum As {
    Admin,
    Anonymous,
    Token(&'static str),
    /// A client certificate with this name and this group.
    Certificate(&'static str, &'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

impl Cluster {
    pub async fn start() -> Cluster {
        let store = Store::open(&StoreUrl::Memory, Retention::default().options()).await.expect("the store opens");
        Cluster::on(store).await
    }

    /// A server on a store that others may use too.
    pub async fn on(store: Store) -> Cluster {
        Cluster::with(store, Limits::default()).await
    }

    /// A server that is less generous.
    pub async fn within(limits: Limits) -> Cluster {
        let store = Store::open(&StoreUrl::Memory, Retention::default().options()).await.expect("the store opens");
        Cluster::with(store, limits).await
    }

    async fn with(store: Store, limits: Limits) -> Cluster {
        let pki = tempfile::tempdir().expect("a directory");
        credentials(pki.path());
        let config = Config {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            pki: PkiPaths::in_dir(pki.path()),
            store: store.clone(),
            advertise: None,
            patience: Default::default(),
            limits,
        };
        let server = Server::start(config).await.expect("the server starts");
        Cluster { address: server.address(), server, store, pki }
    }

    pub fn admin(&self) -> Client {
        self.client(As::Admin, Protocol::Http1)
    }

    /// A client with a token that was made during the test.
    pub fn bearer(&self, token: &str) -> Client {
        Client { token: Some(token.to_string()), ..self.client(As::Anonymous, Protocol::Http1) }
    }

    pub fn client(&self, who: As, protocol: Protocol) -> Client {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.pki.path().join("ca.crt")).expect("a CA");
        roots.add(ca).expect("a CA that can be trusted");
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_root_certificates(roots);
        let config = match &who {
            As::Certificate(name, group) => {
                let (certificate, key) = issue(self.pki.path(), name, group);
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("a client certificate")
            }
            _ => builder.with_no_client_auth(),
        };
        let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
        let connector = match protocol {
            Protocol::Http1 => builder.enable_http1().build(),
            Protocol::Http2 => builder.enable_http2().build(),
        };
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .http2_only(protocol == Protocol::Http2)
            .build(connector);
        let token = match who {
            As::Admin => Some("admin-token".to_string()),
            As::Token(token) => Some(token.to_string()),
            As::Anonymous | As::Certificate(..) => None,
        };
        Client { http, base: format!("https://{}", self.address), token }
    }
}

#[derive(Clone)]
pub struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Body>,
    base: String,
    token: Option<String>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub code: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The JSON of an answer that must be a success.
    pub fn ok(self) -> Value {
        assert!(self.code.is_success(), "{}: {}", self.code, String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Code, reason and message of a refusal.
    pub fn refused(&self) -> (u16, String, String) {
        let status = self.json();
        assert_eq!(status["kind"], "Status", "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(status["code"].as_u64(), Some(u64::from(self.code.as_u16())));
        let text = |field: &str| status[field].as_str().unwrap_or("").to_string();
        (self.code.as_u16(), text("reason"), text("message"))
    }

    pub fn warnings(&self) -> Vec<String> {
        self.headers.get_all("warning").iter().map(|v| v.to_str().unwrap_or("").to_string()).collect()
    }
}

pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");
pub const APPLY: (&str, &str) = ("content-type", "application/apply-patch+yaml");

impl Client {
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> http::Response<Incoming> {
        self.open_bytes(method, path, headers, body.to_string().into()).await
    }

    async fn open_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> http::Response<Incoming> {
        self.open_body(method, path, headers, Body::from(body)).await
    }

    pub async fn open_body(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> http::Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(body).expect("a request");
        let answer = tokio::time::timeout(PATIENCE, self.http.request(request)).await;
        answer.expect("an answer in time").expect("an answer")
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_bytes(method, path, headers, body.to_string()).await
    }

    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let (head, body) = self.open_bytes(method, path, headers, body.into()).await.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await.expect("a body in time").expect("a body");
        Answer { code: head.status, headers: head.headers, body: body.to_bytes() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[JSON], &body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[JSON], &body.to_string()).await
    }

    pub async fn merge(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, &[MERGE], &body.to_string()).await
    }

    pub async fn apply(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, &[APPLY], &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    pub async fn watch(&self, path: &str) -> Lines {
        self.watch_as(path, &[]).await
    }

    pub async fn watch_as(&self, path: &str, headers: &[(&str, &str)]) -> Lines {
        let response = self.open(Method::GET, path, headers, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        Lines { body: response.into_body(), pending: vec![] }
    }
}

/// The events of a watch.
pub struct Lines {
    body: Incoming,
    pending: Vec<u8>,
}

impl Lines {
    /// The next event; `None` when the stream ends.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("an event is a line of JSON"));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event in time")?;
            if let Ok(data) = frame.expect("a stream").into_data() {
                self.pending.extend_from_slice(&data);
            }
        }
    }

    /// Type and name of the next event.
    pub async fn change(&mut self) -> (String, String) {
        let event = self.next().await.expect("an event");
        let text = |value: &Value| value.as_str().unwrap_or("").to_string();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn parameters(name: &str, group: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        parameters.distinguished_name.push(DnType::OrganizationName, group);
    }
    parameters.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    parameters
}

/// A certificate and its key in PEM, from the CA of the directory.
fn issue(dir: &Path, name: &str, group: &str) -> (String, String) {
    let ca_key = std::fs::read_to_string(dir.join("ca.key")).expect("the CA's key");
    let ca_key = KeyPair::from_pem(&ca_key).expect("the CA's key");
    let ca = Issuer::new(authority(), ca_key);
    let key = KeyPair::generate().expect("a key");
    let certificate = parameters(name, group).signed_by(&key, &ca).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn authority() -> CertificateParams {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "test CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca
}

fn credentials(dir: &Path) {
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    let key = KeyPair::generate().expect("a key");
    let ca = authority().self_signed(&key).expect("a CA");
    write("ca.crt", &ca.pem());
    write("ca.key", &key.serialize_pem());
    write("sa.key", &KeyPair::generate().expect("a key").serialize_pem());
    for (file, name, group) in
        [("apiserver", "apiserver", ""), ("apiserver-kubelet-client", "timonier-apiserver", "timonier:apiservers")]
    {
        let (certificate, key) = issue(dir, name, group);
        write(&format!("{file}.crt"), &certificate);
        write(&format!("{file}.key"), &key);
    }
    write("tokens.csv", "admin-token,admin,1,\"system:masters\"\nbob-token,bob,2\n");
}
