//! The cluster's certificate authority.

use super::PkiError;
use super::layout::{Layout, read, write};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// A CA lives ten years, what it signs one year, as kubeadm has it.
const CA_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const LEAF_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// A leaf with less than this left is made anew.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Who a certificate speaks for, and what it is for.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The user name (certificate's common name).
    pub user: String,
    /// The groups (certificate's organisations).
    pub groups: Vec<String>,
    /// Host names and addresses, for those that serve.
    pub names: Vec<String>,
    pub serves: bool,
    pub connects: bool,
}

/// The CA with its key, ready to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Reads the CA below `layout`, or makes it if there is none.
    pub fn open(layout: &Layout) -> Result<Self, PkiError> {
        let (certificate, key) = (layout.certificate("ca"), layout.key("ca"));
        if !certificate.exists() && !key.exists() {
            return Self::create(layout);
        }
        let pem = read(&certificate)?;
        let key_pair = KeyPair::from_pem(&read(&key)?)
            .map_err(|e| PkiError::Malformed { path: key.clone(), detail: e.to_string() })?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key_pair)
            .map_err(|e| PkiError::Malformed { path: certificate.clone(), detail: e.to_string() })?;
        Ok(Authority { issuer, pem })
    }

    fn create(layout: &Layout) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Issue { subject: "timonier-ca".into(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "timonier-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        set_life(&mut params, CA_LIFE);
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        write(&layout.key("ca"), &key.serialize_pem())?;
        write(&layout.certificate("ca"), &pem)?;
        Ok(Authority { issuer: Issuer::new(params, key), pem })
    }

    /// The CA's certificate, for those who verify.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Makes sure that `name` has a certificate for `subject` that is valid for a while yet.
    pub fn ensure(&self, layout: &Layout, name: &str, subject: &Subject) -> Result<(), PkiError> {
        let path = layout.certificate(name);
        if layout.key(name).exists() && path.exists() && still_good(&read(&path)?, subject) {
            return Ok(());
        }
        let failed = |source| PkiError::Issue { subject: subject.user.clone(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let params = leaf(subject)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        write(&layout.key(name), &key.serialize_pem())?;
        write(&path, &certificate.pem())
    }
}

fn leaf(subject: &Subject) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for group in &subject.groups {
        params.distinguished_name.push(DnType::OrganizationName, group.as_str());
    }
    params.distinguished_name.push(DnType::CommonName, subject.user.as_str());
    for name in &subject.names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(|_| PkiError::Name(name.clone()))?),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if subject.serves {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if subject.connects {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    set_life(&mut params, LEAF_LIFE);
    Ok(params)
}

/// Valid from an hour ago, so that hosts whose clocks differ a little agree.
fn set_life(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(3600)).into();
    params.not_after = (now + life).into();
}

/// Whether a certificate on disk still serves: it names all of the subject's hosts and has a month left.
fn still_good(pem: &str, subject: &Subject) -> bool {
    let Ok((_, block)) = x509_parser::pem::parse_x509_pem(pem.as_bytes()) else { return false };
    let Ok(certificate) = block.parse_x509() else { return false };
    let left = certificate.validity().time_to_expiration().map(|d| d.unsigned_abs()).unwrap_or_default();
    if left < RENEW_BEFORE {
        return false;
    }
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return subject.names.is_empty() };
    let has = |wanted: &String| {
        names.value.general_names.iter().any(|name| match name {
            x509_parser::extensions::GeneralName::DNSName(dns) => dns == wanted,
            x509_parser::extensions::GeneralName::IPAddress(bytes) => {
                let address = match bytes.len() {
                    4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
                    16 => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
                    _ => None,
                };
                address.is_some_and(|a| wanted.parse() == Ok(a))
            }
            _ => false,
        })
    };
    subject.names.iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(names: &[&str]) -> Subject {
        Subject {
            user: "system:node:node-1".into(),
            groups: vec!["system:nodes".into()],
            names: names.iter().map(|n| n.to_string()).collect(),
            serves: true,
            connects: true,
        }
    }

    #[test]
    fn a_certificate_is_kept_until_it_lacks_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let authority = Authority::open(&layout).unwrap();
        authority.ensure(&layout, "nodes/node-1", &subject(&["127.1.2.3"])).unwrap();
        let first = read(&layout.certificate("nodes/node-1")).unwrap();
        Authority::open(&layout).unwrap().ensure(&layout, "nodes/node-1", &subject(&["127.1.2.3"])).unwrap();
        assert_eq!(first, read(&layout.certificate("nodes/node-1")).unwrap());
        authority.ensure(&layout, "nodes/node-1", &subject(&["127.1.2.3", "host.example"])).unwrap();
        assert_ne!(first, read(&layout.certificate("nodes/node-1")).unwrap());
    }

    #[test]
    fn a_reopened_authority_signs_what_the_first_certificate_verifies() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let first = Authority::open(&layout).unwrap().pem().to_string();
        let again = Authority::open(&layout).unwrap();
        assert_eq!(first, again.pem());
        again.ensure(&layout, "apiserver", &subject(&["localhost"])).unwrap();
        let (_, ca) = x509_parser::pem::parse_x509_pem(first.as_bytes()).unwrap();
        let leaf_pem = read(&layout.certificate("apiserver")).unwrap();
        let (_, leaf) = x509_parser::pem::parse_x509_pem(leaf_pem.as_bytes()).unwrap();
        let (ca, leaf) = (ca.parse_x509().unwrap(), leaf.parse_x509().unwrap());
        assert_eq!(leaf.issuer(), ca.subject());
        leaf.verify_signature(Some(ca.public_key())).unwrap();
    }

    #[test]
    fn a_damaged_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        Authority::open(&layout).unwrap();
        std::fs::write(layout.key("ca"), "nonsense").unwrap();
        let error = Authority::open(&layout).err().unwrap().to_string();
        assert!(error.contains("ca.key"), "{error}");
    }

    #[test]
    fn a_name_that_is_no_host_name_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let authority = Authority::open(&layout).unwrap();
        assert!(matches!(authority.ensure(&layout, "x", &subject(&["über"])), Err(PkiError::Name(_))));
    }
}
