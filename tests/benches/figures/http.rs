//! Keep-alive HTTPS connections with the admin's token: as little client as possible, so that the server is measured.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::client::conn::http2;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How much a connection takes from the system at once, in bytes.
const READ: usize = 64 << 10;

/// Where and as whom to connect.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub token: Arc<str>,
    http1: TlsConnector,
    http2: TlsConnector,
}

impl Target {
    pub fn new(address: SocketAddr, token: &str, ca: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).with_context(|| ca.display().to_string())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let http1 = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http2 = http1.clone();
        http2.alpn_protocols = vec![b"h2".to_vec()];
        let [http1, http2] = [http1, http2].map(|config| TlsConnector::from(Arc::new(config)));
        Ok(Target { address, token: token.into(), http1, http2 })
    }

    pub async fn connect(&self) -> Result<Connection> {
        let (connection, drive) = self.connect_driven().await?;
        tokio::spawn(drive);
        Ok(connection)
    }

    /// A connection, and what drives it: for one who does both in one task, which saves a wake-up each way.
    pub async fn connect_driven(&self) -> Result<(Connection, impl Future<Output = hyper::Result<()>> + use<>)> {
        let (sender, drive) = handshake(TokioIo::new(self.tls(&self.http1).await?)).await?;
        let host = HeaderValue::try_from(self.address.to_string())?;
        let authorization = HeaderValue::try_from(format!("Bearer {}", self.token))?;
        Ok((Connection { sender, host, authorization }, drive))
    }

    /// A connection that many requests share at the same time.
    pub async fn connect_http2(&self) -> Result<http2::SendRequest<Full<Bytes>>> {
        let stream = TokioIo::new(self.tls(&self.http2).await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn tls(&self, connector: &TlsConnector) -> Result<TlsStream<BufReader<TcpStream>>> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        // rustls asks for 4 KB at a time: each would be a call of the system.
        let socket = BufReader::with_capacity(READ, socket);
        Ok(connector.connect(ServerName::from(self.address.ip()), socket).await?)
    }
}

pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    authorization: HeaderValue,
}

impl Connection {
    /// Sends one request and gives back the answer's head; the body is read by the caller.
    pub async fn send(&mut self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("authorization", &self.authorization)
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

    /// Reads all of what is at `path`, without putting it together. Returns how many bytes it was.
    pub async fn read(&mut self, path: &str) -> Result<usize> {
        self.pass(Method::GET, path, "application/json", Bytes::new()).await
    }

    /// Sends one request, which must succeed, and reads the answer without putting it together. Returns how many bytes it
    /// was.
    pub async fn pass(&mut self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<usize> {
        let response = self.send(method, path, kind, body).await?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body.collect().await?.to_bytes()));
        }
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    pub async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.call(Method::GET, path, "application/json", Bytes::new()).await
    }
}
