//! One keep-alive HTTPS/1.1 connection with the admin's token: as little client as possible, so that the server is measured.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Where and as whom to connect.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub token: Arc<str>,
    connector: TlsConnector,
}

impl Target {
    pub fn new(address: SocketAddr, token: &str, ca: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).with_context(|| ca.display().to_string())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Target { address, token: token.into(), connector: TlsConnector::from(Arc::new(config)) })
    }

    pub async fn connect(&self) -> Result<Connection> {
        let socket = tokio::net::TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::from(self.address.ip());
        let tls = self.connector.connect(name, socket).await?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender, token: self.token.clone(), host: self.address.to_string() })
    }
}

pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    token: Arc<str>,
    host: String,
}

impl Connection {
    /// Sends one request and gives back the answer's head; the body is read by the caller.
    pub async fn send(&mut self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind)
            .header("accept", "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Sends one request and reads the whole answer, whatever it is.
    pub async fn answer(&mut self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<StatusCode> {
        let response = self.send(method, path, kind, body).await?;
        let status = response.status();
        response.into_body().collect().await?;
        Ok(status)
    }

    /// Sends one request and reads the whole answer, which must be a success.
    pub async fn call(&mut self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<Bytes> {
        let response = self.send(method, path, kind, body).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    pub async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.call(Method::GET, path, "application/json", Bytes::new()).await
    }
}
