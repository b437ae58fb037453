//! The cluster's certificate authority with its key, and what everyone may know of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use x509_parser::prelude::X509Certificate;

use crate::{
    certificates::request::{Purpose, Request},
    general_name::text_of,
};

/// Certificates are valid from a while ago, so that hosts whose clocks differ a little agree.
const BACKDATED: Duration = Duration::from_secs(3600);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// Names and addresses under which the API servers answer: nobody else may.
    server_names: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct AuthorityError {
    path: PathBuf,
    reason: String,
}

impl Authority {
    /// Reads `ca.crt`, `ca.key` and `apiserver.crt` of a folder that `kctl pki init` made.
    pub fn open(pki: &Path) -> Result<Authority, AuthorityError> {
        let read = |name: &str| {
            let path = pki.join(name);
            fs::read_to_string(&path).map_err(|error| AuthorityError { path, reason: error.to_string() })
        };
        let wrong = |name: &str, reason: String| AuthorityError { path: pki.join(name), reason };
        let (pem, key) = (read("ca.crt")?, read("ca.key")?);
        let key = KeyPair::from_pem(&key).map_err(|error| wrong("ca.key", error.to_string()))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|error| wrong("ca.crt", error.to_string()))?;
        let server = read("apiserver.crt")?;
        let server_names = names_of(&server).map_err(|reason| wrong("apiserver.crt", reason))?;
        Ok(Authority { issuer, pem, server_names })
    }

    /// The CA's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Whether a name or address is an API server's.
    pub fn is_servers_own(&self, name: &str) -> bool {
        self.server_names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// A certificate (PEM) for a request whose form was checked; nothing of the request but what that check names gets
    /// into it.
    pub fn sign(&self, request: &Request, purpose: Purpose, life: Duration) -> Result<String, String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, request.user.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match purpose {
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Purpose::Serving => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        if purpose == Purpose::Serving {
            params.subject_alt_names = request.alternative_names();
        }
        let now = SystemTime::now();
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + life).into();
        let signed = params.signed_by(request.public_key(), &self.issuer).map_err(|error| error.to_string())?;
        Ok(signed.pem())
    }
}

/// The host names and addresses in a certificate.
fn names_of(pem: &str) -> Result<Vec<String>, String> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
    let certificate: X509Certificate<'_> = block.parse_x509().map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    Ok(names.iter().filter_map(text_of).collect())
}
