//! JSON Web Tokens (RFC 7519) signed with ES256, by the cluster's service account key alone.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config::StartError;

/// What stands before the point of a P-256 public key in a SubjectPublicKeyInfo (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The service account key: signs tokens and recognises its own.
pub struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    /// Names the key in tokens, as Kubernetes does: the hash of its public half.
    id: String,
}

impl Signer {
    /// Reads the key; `None` when there is no such file.
    pub fn read(path: &Path) -> Result<Option<Signer>, StartError> {
        let pem = match std::fs::read(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StartError::Read { path: path.to_path_buf(), source }),
        };
        let signer = Signer::from_pem(&pem);
        signer.map(Some).map_err(|reason| StartError::Credentials { path: path.to_path_buf(), reason })
    }

    pub fn from_pem(pem: &[u8]) -> Result<Signer, String> {
        let random = SystemRandom::new();
        let PrivateKeyDer::Pkcs8(pkcs8) = PrivateKeyDer::from_pem_slice(pem).map_err(|error| error.to_string())? else {
            return Err("is not a private key in PKCS#8 form".to_string());
        };
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.secret_pkcs8_der(), &random)
            .map_err(|error| format!("is not an EC P-256 key: {error}"))?;
        let mut info = P256_PREFIX.to_vec();
        info.extend_from_slice(key.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(&info));
        Ok(Signer { key, random, id })
    }

    /// A token that says `claims`.
    pub fn sign(&self, claims: &Value) -> Result<String, String> {
        let header = json!({"alg": "ES256", "kid": self.id});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign(&self.random, text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that this key signed; `None` for any other text.
    pub fn verify(&self, token: &str) -> Option<Value> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        // The algorithm is the key's, whatever a token would like.
        if header["alg"] != "ES256" {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref());
        public.verify(text.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// The public half, for those who verify tokens without asking the API server (RFC 7517).
    pub fn public_jwk(&self) -> Value {
        // An uncompressed point: 4, then both coordinates.
        let point = self.key.public_key().as_ref();
        let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..65).unwrap_or_default());
        json!({"use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn signer() -> Signer {
        let key = rcgen::KeyPair::generate().expect("a key");
        Signer::from_pem(key.serialize_pem().as_bytes()).expect("is a P-256 key")
    }

    #[test]
    fn a_key_recognises_its_own_tokens_and_no_others() {
        let (mine, other) = (signer(), signer());
        let claims = json!({"sub": "system:serviceaccount:a:b"});
        let token = mine.sign(&claims).expect("signs");
        assert_eq!(mine.verify(&token), Some(claims));
        assert_eq!(other.verify(&token), None);
        for wrong in ["", "a", "a.b", "a.b.c", "..", &token[..token.len() - 2], &format!("{token}AA")] {
            assert_eq!(mine.verify(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn claims_and_header_cannot_be_exchanged() {
        let signer = signer();
        let token = signer.sign(&json!({"sub": "one"})).expect("signs");
        let parts: Vec<&str> = token.split('.').collect();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let forged = format!("{}.{}.{}", parts[0], encode(json!({"sub": "two"})), parts[2]);
        assert_eq!(signer.verify(&forged), None);
        let unsigned = format!("{}.{}.", encode(json!({"alg": "none"})), parts[1]);
        assert_eq!(signer.verify(&unsigned), None);
    }

    #[test]
    fn a_file_that_holds_no_such_key_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sa.key");
        assert!(Signer::read(&path).expect("no key is no error").is_none());
        std::fs::write(&path, "nonsense").expect("writes");
        let error = Signer::read(&path).err().expect("is refused").to_string();
        assert!(error.contains("sa.key"), "{error}");
    }
}
