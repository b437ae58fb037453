//! The pin of a CA: `sha256:` and the hash of its public key, as kubeadm has it. A renewed CA certificate keeps it.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The pin of the first certificate of a PEM text.
pub fn of_pem(pem: &str) -> Result<String, String> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
    let certificate = block.parse_x509().map_err(|error| error.to_string())?;
    let mut pin = "sha256:".to_string();
    for byte in Sha256::digest(certificate.tbs_certificate.subject_pki.raw) {
        let _ = write!(pin, "{byte:02x}");
    }
    Ok(pin)
}

/// A pin as a user gave it, in lower case; `None` when it is none.
pub fn parse(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.strip_prefix("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_follows_the_key_and_not_the_certificate() {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = |name: &str, key: &rcgen::KeyPair| {
            let params = rcgen::CertificateParams::new(vec![name.to_string()]).unwrap();
            of_pem(&params.self_signed(key).unwrap().pem()).unwrap()
        };
        let pin = made("one", &key);
        assert_eq!(pin, made("two", &key));
        assert_ne!(pin, made("one", &rcgen::KeyPair::generate().unwrap()));
        assert_eq!(parse(&pin.to_uppercase().replace("SHA256", "sha256")), Some(pin));
        for wrong in ["", "sha256:", "sha256:12", "md5:00", &format!("sha256:{}", "g".repeat(64))] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
