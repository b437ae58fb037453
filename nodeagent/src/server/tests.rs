//! The port as a client meets it.

use std::path::Path;

use http_body_util::{BodyExt, Empty};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio_rustls::TlsConnector;

use super::*;
use crate::runtime::hollow::HollowRuntime;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

/// Certificate and key, PEM.
fn identity(issuer: &Issuer, name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, issuer).expect("signed").pem(), key.serialize_pem())
}

/// The status of a GET by a client with this certificate, or none.
async fn status(address: SocketAddr, ca: &Issuer, client: Option<(String, String)>, path: &str) -> StatusCode {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(vec![certificate], key).expect("an identity")
        }
    };
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    let request = http::Request::get(path).header("host", "node").body(Empty::<bytes::Bytes>::new());
    let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
    let status = answer.status();
    answer.into_body().collect().await.expect("a body");
    status
}

fn write(dir: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[tokio::test]
async fn only_the_api_servers_certificate_opens_the_port() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (authority(), authority());
    let (certificate, key) = identity(&ours, "system:node:n1");
    let tls = AgentTls {
        cert: write(dir.path(), "node.crt", &certificate),
        key: write(dir.path(), "node.key", &key),
        client_ca: write(dir.path(), "ca.crt", &ours.pem()),
        client_cn: "timonier-apiserver".to_owned(),
    };
    let (listener, acceptor, address) = bind(([127, 0, 0, 1], 0).into(), &tls).await.expect("bound");
    let shutdown = CancellationToken::new();
    let runtime = Arc::new(HollowRuntime::new([127, 0, 0, 1].into()));
    let stats = Stats::new(runtime.clone(), dir.path().to_owned(), dir.path().to_owned(), 0);
    let about = About::new("node-1", serde_json::json!({"kubeletconfig": {}}));
    let directory = Directory::default();
    directory.complete();
    let server = Server { runtime, directory, stats: Arc::new(stats), about: Arc::new(about) };
    let serving = tokio::spawn(serve(listener, acceptor, server, shutdown.clone()));

    let api_server = || Some(identity(&ours, "timonier-apiserver"));
    assert_eq!(status(address, &ours, api_server(), "/healthz").await, StatusCode::OK);
    for path in ["/pods", "/stats/summary", "/metrics/resource", "/configz"] {
        assert_eq!(status(address, &ours, api_server(), path).await, StatusCode::OK, "{path}");
        assert_eq!(status(address, &ours, None, path).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    let missing = status(address, &ours, api_server(), "/containerLogs/default/none/c").await;
    assert_eq!(missing, StatusCode::NOT_FOUND);
    let refused = StatusCode::UNAUTHORIZED;
    assert_eq!(status(address, &ours, None, "/healthz").await, refused, "no certificate");
    let another = Some(identity(&ours, "admin"));
    assert_eq!(status(address, &ours, another, "/pods").await, refused, "another name");
    let foreign = Some(identity(&theirs, "timonier-apiserver"));
    assert_eq!(status(address, &ours, foreign, "/pods").await, refused, "another CA");

    shutdown.cancel();
    serving.await.expect("ended");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("none.crt");
    let tls = AgentTls {
        cert: missing.clone(),
        key: missing.clone(),
        client_ca: write(dir.path(), "ca.crt", "no certificate"),
        client_cn: String::new(),
    };
    let error = Acceptor::load(&tls).err().expect("an error").to_string();
    assert!(error.ends_with("ca.crt: holds no certificate"), "{error}");
}
