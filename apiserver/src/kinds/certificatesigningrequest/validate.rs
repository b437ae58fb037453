//! What a CertificateSigningRequest must be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::{conditions, is_verdict};
use crate::kinds::json;

/// The `usages` that there are.
const USAGES: &[&str] = &[
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
    "any",
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "timestamping",
    "ocsp signing",
    "microsoft sgc",
    "netscape sgc",
];

const SHORTEST_SECONDS: i64 = 600;

pub fn spec(o: &Value) -> Vec<FieldError> {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let mut errors = vec![];
    let request = json::text(spec, "request");
    if let Err(reason) = readable(request) {
        let path = path.child("request");
        errors.push(match request.is_empty() {
            true => FieldError::required(&path, "PEM block with type CERTIFICATE REQUEST"),
            false => FieldError::invalid(&path, "<request>", reason),
        });
    }
    errors.extend(signer_name(json::text(spec, "signerName"), &path.child("signerName")));
    let usages = json::list(spec, "usages");
    if usages.is_empty() {
        errors.push(FieldError::required(&path.child("usages"), "usages must be provided"));
    }
    for (position, usage) in usages.iter().enumerate() {
        let path = path.child("usages").index(position);
        let usage = usage.as_str().unwrap_or("");
        if !USAGES.contains(&usage) {
            errors.push(FieldError::not_supported(&path, usage, USAGES));
        } else if usages[..position].iter().any(|other| other == usage) {
            errors.push(FieldError::duplicate(&path, usage));
        }
    }
    if let Some(seconds) = json::int(spec, "expirationSeconds").filter(|seconds| *seconds < SHORTEST_SECONDS) {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(FieldError::invalid(&path.child("expirationSeconds"), seconds, detail));
    }
    errors
}

/// The request is base64 of one PEM block, and its sender has the key.
fn readable(request: &str) -> Result<(), String> {
    let der = decode(request)?;
    let (_, parsed) = X509CertificationRequest::from_der(&der).map_err(|error| error.to_string())?;
    parsed.verify_signature().map_err(|_| "the signature does not fit the key".to_string())
}

fn decode(request: &str) -> Result<CertificateSigningRequestDer<'static>, String> {
    let pem = STANDARD.decode(request).map_err(|error| error.to_string())?;
    CertificateSigningRequestDer::from_pem_slice(&pem)
        .map_err(|_| "PEM block type must be CERTIFICATE REQUEST".to_string())
}

/// The organizations that a request is for: what the API server takes for groups.
pub fn organizations(o: &Value) -> Vec<String> {
    let Ok(der) = decode(json::text(json::get(o, "spec"), "request")) else { return vec![] };
    let Ok((_, parsed)) = X509CertificationRequest::from_der(&der) else { return vec![] };
    let subject = &parsed.certification_request_info.subject;
    subject.iter_organization().filter_map(|organization| organization.as_str().ok().map(str::to_owned)).collect()
}

/// `DOMAIN/NAME`
fn signer_name(name: &str, path: &Path) -> Vec<FieldError> {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let Some((domain, rest)) = name.split_once('/').filter(|(_, rest)| !rest.is_empty() && !rest.contains('/')) else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return vec![FieldError::invalid(path, name, detail)];
    };
    let problems = names::dns1123_subdomain(domain).into_iter().chain(names::dns1123_subdomain(rest));
    problems.map(|problem| FieldError::invalid(path, name, problem)).collect()
}

/// A verdict stands, and only one of the two; a certificate that is there is not exchanged.
pub fn status(new: &Value, old: &Value) -> Vec<FieldError> {
    let path = Path::new("status");
    let mut errors = vec![];
    let certificate = |o: &Value| json::text(json::get(o, "status"), "certificate").to_owned();
    if !certificate(old).is_empty() && certificate(old) != certificate(new) {
        errors.push(FieldError::forbidden(&path.child("certificate"), "updates may not change an issued certificate"));
    }
    let types = |o: &Value| -> Vec<String> {
        conditions(o).iter().filter(|c| is_verdict(c)).map(|c| json::text(c, "type").to_owned()).collect()
    };
    let path = path.child("conditions");
    for type_ in types(old).iter().filter(|type_| !types(new).contains(type_)) {
        errors.push(FieldError::forbidden(&path, format!("updates may not remove a condition of type {type_:?}")));
    }
    if types(new).len() > 1 {
        errors.push(FieldError::invalid(
            &path,
            "Approved, Denied",
            "Approved and Denied conditions are mutually exclusive",
        ));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request() -> String {
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
        STANDARD.encode(request.pem().expect("PEM"))
    }

    #[test]
    fn a_request_is_pem_signed_by_its_own_key() {
        let good = json!({"spec": {"request": request(), "signerName": "example.com/a", "usages": ["client auth"]}});
        assert!(spec(&good).is_empty(), "{:?}", spec(&good));
        let cases = [
            (json!({"request": ""}), "spec.request: Required value: PEM block with type CERTIFICATE REQUEST"),
            (json!({"request": STANDARD.encode("text")}), "PEM block type must be CERTIFICATE REQUEST"),
            (json!({"signerName": "plain"}), "must be a fully qualified domain and path"),
            (json!({"usages": []}), "spec.usages: Required value"),
            (json!({"usages": ["fun"]}), "spec.usages[0]: Unsupported value: \"fun\""),
            (json!({"usages": ["any", "any"]}), "spec.usages[1]: Duplicate value: \"any\""),
            (json!({"expirationSeconds": 1}), "may not specify a duration less than 600 seconds"),
        ];
        for (change, expected) in cases {
            let mut o = good.clone();
            for (field, value) in change.as_object().expect("fields") {
                o["spec"][field] = value.clone();
            }
            let found: Vec<String> = spec(&o).iter().map(|error| error.to_string()).collect();
            assert!(found.len() == 1 && found[0].contains(expected), "{found:?} for {expected}");
        }
    }

    #[test]
    fn the_groups_of_a_request_are_its_organizations() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut wanted = rcgen::CertificateParams::default();
        wanted.distinguished_name.push(rcgen::DnType::OrganizationName, "system:masters");
        let pem = wanted.serialize_request(&key).and_then(|request| request.pem()).expect("PEM");
        let o = json!({"spec": {"request": STANDARD.encode(pem)}});
        assert_eq!(organizations(&o), ["system:masters"]);
        assert!(organizations(&json!({"spec": {"request": request()}})).is_empty());
        assert!(organizations(&json!({"spec": {"request": "?"}})).is_empty());
    }

    #[test]
    fn a_verdict_and_a_certificate_stand() {
        let with = |types: &[&str], certificate: &str| {
            let all: Vec<Value> = types.iter().map(|type_| json!({"type": type_})).collect();
            json!({"status": {"conditions": all, "certificate": certificate}})
        };
        assert!(status(&with(&["Approved"], "c"), &with(&["Approved"], "")).is_empty());
        assert_eq!(status(&with(&[], ""), &with(&["Denied"], "")).len(), 1);
        assert_eq!(status(&with(&["Approved", "Denied"], ""), &with(&["Denied"], "")).len(), 1);
        assert_eq!(status(&with(&["Approved"], "d"), &with(&["Approved"], "c")).len(), 1);
    }
}
