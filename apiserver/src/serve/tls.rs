//! TLS: the serving certificate, and client certificates when a client has one.

use std::path::Path;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{PkiPaths, StartError};

/// ALPN offers HTTP/2 and HTTP/1.1; a client certificate is optional, but one that is shown must be the CA's.
pub fn config(pki: &PkiPaths) -> Result<Arc<ServerConfig>, StartError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots(&pki.ca_cert)?);
    let wrong = |path: &Path, reason: String| StartError::Credentials { path: path.to_path_buf(), reason };
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| wrong(&pki.ca_cert, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&pki.serving_cert, error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&pki.serving_cert)?, key(&pki.serving_key)?)
        .map_err(|error| wrong(&pki.serving_cert, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificates of a PEM file as trust anchors.
pub fn roots(path: &Path) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| StartError::Credentials { path: path.to_path_buf(), reason: error.to_string() })?;
    }
    Ok(roots)
}

/// The certificates of a PEM file, at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => {
            Err(StartError::Credentials { path: path.to_path_buf(), reason: "holds no PEM certificate".to_string() })
        }
        Err(error) => Err(StartError::Credentials { path: path.to_path_buf(), reason: error.to_string() }),
    }
}

/// The private key of a PEM file.
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, StartError> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| StartError::Credentials { path: path.to_path_buf(), reason: error.to_string() })
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::Read { path: path.to_path_buf(), source })
}
