//! TLS with the client's certificate judged after the handshake, so that a stranger is told 401 and not merely cut off.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{config::AgentTls, error::Error};

#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    verifier: Arc<dyn ClientCertVerifier>,
    client_cn: String,
}

impl Acceptor {
    pub fn load(tls: &AgentTls) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&tls.client_ca)? {
            roots.add(certificate).map_err(|error| file(&tls.client_ca, error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| file(&tls.client_ca, error))?;
        let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| file(&tls.key, error))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| file(&tls.cert, error))?
            .with_client_cert_verifier(Arc::new(Anyone(verifier.clone())))
            .with_single_cert(certificates(&tls.cert)?, key)
            .map_err(|error| file(&tls.cert, error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Acceptor { acceptor: Arc::new(config).into(), verifier, client_cn: tls.client_cn.clone() })
    }

    /// The stream, and whether its client is the one that may ask.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<(TlsStream<TcpStream>, bool)> {
        let stream = self.acceptor.accept(stream).await?;
        let trusted = stream.get_ref().1.peer_certificates().is_some_and(|chain| self.trusts(chain));
        Ok((stream, trusted))
    }

    fn trusts(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((own, intermediates)) = chain.split_first() else { return false };
        let signed = self.verifier.verify_client_cert(own, intermediates, UnixTime::now()).is_ok();
        signed && common_name(own).as_deref() == Some(self.client_cn.as_str())
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = fs::read(path).map_err(|error| file(path, error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(file(path, "holds no certificate")),
        Err(error) => Err(file(path, error)),
    }
}

fn file(path: &Path, error: impl ToString) -> Error {
    Error::File { path: path.to_owned(), message: error.to_string() }
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?;
    Some(name.to_owned())
}

/// Lets any certificate through the handshake, as long as its holder has the key. Who it is, is judged afterwards.
#[derive(Debug)]
struct Anyone(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Anyone {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
