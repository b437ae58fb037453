//! A certificate request, read: the name that it asks for, and whether it has the form that its signer demands.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{CertificateSigningRequestParams, PublicKeyData, SanType};
use timonier_api::names;
use x509_parser::{certification_request::X509CertificationRequest, extensions::ParsedExtension, prelude::FromDer};

use crate::general_name::text_of;

/// What a certificate is for; each is a signer of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A node towards the API.
    Client,
    /// A node's own port.
    Serving,
}

impl Purpose {
    pub fn of(signer_name: &str) -> Option<Purpose> {
        match signer_name {
            "kubernetes.io/kube-apiserver-client-kubelet" => Some(Purpose::Client),
            "kubernetes.io/kubelet-serving" => Some(Purpose::Serving),
            _ => None,
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Purpose::Client => "client auth",
            Purpose::Serving => "server auth",
        }
    }
}

pub struct Request {
    /// The common name.
    pub user: String,
    /// The organisations.
    pub groups: Vec<String>,
    /// Host names and addresses.
    pub names: Vec<String>,
    /// Names of other kinds (mail, URI) are there too.
    strange_names: bool,
    parsed: CertificateSigningRequestParams,
}

impl Request {
    /// Reads base64 of PEM; whoever made it has the key, or it is refused.
    pub fn parse(request: &str) -> Result<Request, String> {
        let pem = STANDARD.decode(request).map_err(|error| error.to_string())?;
        let (_, block) = x509_parser::pem::parse_x509_pem(&pem).map_err(|error| error.to_string())?;
        let parsed = CertificateSigningRequestParams::from_der(&block.contents.as_slice().into())
            .map_err(|error| error.to_string())?;
        let (_, raw) = X509CertificationRequest::from_der(&block.contents).map_err(|error| error.to_string())?;
        let subject = &raw.certification_request_info.subject;
        let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().map(String::from);
        let users: Result<Vec<_>, _> = subject.iter_common_name().map(text).collect();
        let groups: Result<Vec<_>, _> = subject.iter_organization().map(text).collect();
        let (users, groups) = users.and_then(|u| Ok((u, groups?))).map_err(|error| error.to_string())?;
        let [user] = users.as_slice() else { return Err("the subject needs one common name".into()) };
        let mut names = vec![];
        let mut strange_names = false;
        for extension in raw.requested_extensions().into_iter().flatten() {
            let ParsedExtension::SubjectAlternativeName(alternative) = extension else { continue };
            for name in &alternative.general_names {
                match text_of(name) {
                    Some(name) => names.push(name),
                    None => strange_names = true,
                }
            }
        }
        Ok(Request { user: user.clone(), groups, names, strange_names, parsed })
    }

    pub fn public_key(&self) -> &(impl PublicKeyData + use<>) {
        &self.parsed.public_key
    }

    pub fn has_key_of(&self, other: &Request) -> bool {
        self.parsed.public_key == other.parsed.public_key
    }

    pub fn alternative_names(&self) -> Vec<SanType> {
        self.parsed.params.subject_alt_names.clone()
    }

    /// The node whose name the certificate would carry; why it cannot be signed otherwise.
    pub fn node(&self, purpose: Purpose, usages: &[String]) -> Result<&str, String> {
        let node = self.user.strip_prefix("system:node:").filter(|name| !name.is_empty());
        let node = node.ok_or("subject common name does not begin with system:node:")?;
        if !names::dns1123_subdomain(node).is_empty() {
            return Err(format!("{node:?} cannot be the name of a node"));
        }
        if self.groups != ["system:nodes"] {
            return Err("subject organization is not system:nodes".into());
        }
        let needed = ["digital signature", purpose.usage()];
        let fits = |usage: &String| needed.contains(&usage.as_str()) || usage == "key encipherment";
        if !needed.iter().all(|needed| usages.iter().any(|usage| usage == needed)) || !usages.iter().all(fits) {
            return Err(format!("usages did not match {needed:?}, with or without \"key encipherment\""));
        }
        if self.strange_names {
            return Err("only DNS names and IP addresses may be asked for".into());
        }
        match purpose {
            Purpose::Client if !self.names.is_empty() => Err("DNS names and IP addresses are not allowed".into()),
            Purpose::Serving if self.names.is_empty() => Err("at least one DNS name or IP address is required".into()),
            _ => Ok(node),
        }
    }

    /// Whether all names are the node's own name, or addresses.
    pub fn names_are_own(&self, node: &str) -> bool {
        self.names.iter().all(|name| name == node || name.parse::<IpAddr>().is_ok())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    /// Base64 of PEM, as in `spec.request`.
    pub fn request(key: &KeyPair, user: &str, group: &str, names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.distinguished_name.push(DnType::CommonName, user);
        STANDARD.encode(params.serialize_request(key).expect("a request").pem().expect("PEM"))
    }

    pub fn usages(purpose: Purpose) -> Vec<String> {
        vec!["digital signature".into(), purpose.usage().into()]
    }

    #[test]
    fn each_signer_demands_a_form() {
        let key = KeyPair::generate().expect("a key");
        let read = |user: &str, group: &str, names: &[&str], purpose: Purpose, usages: &[String]| {
            let request = Request::parse(&request(&key, user, group, names)).expect("reads");
            request.node(purpose, usages).map(String::from)
        };
        let (client, serving) = (usages(Purpose::Client), usages(Purpose::Serving));
        let (node, nodes) = ("system:node:n1", "system:nodes");
        assert_eq!(read(node, nodes, &[], Purpose::Client, &client), Ok("n1".into()));
        assert_eq!(read(node, nodes, &["10.0.0.7"], Purpose::Serving, &serving), Ok("n1".into()));
        let refused = [
            ("admin", nodes, &[][..], Purpose::Client, &client),
            (node, "system:masters", &[], Purpose::Client, &client),
            (node, nodes, &["10.0.0.7"], Purpose::Client, &client),
            (node, nodes, &[], Purpose::Client, &serving),
            (node, nodes, &[], Purpose::Serving, &serving),
            ("system:node:", nodes, &[], Purpose::Client, &client),
            ("system:node:../n1", nodes, &[], Purpose::Client, &client),
        ];
        for (user, group, names, purpose, usages) in refused {
            assert!(read(user, group, names, purpose, usages).is_err(), "{user} {group} {names:?} {purpose:?}");
        }
        let more = [client.clone(), vec!["cert sign".into()]].concat();
        assert!(read(node, nodes, &[], Purpose::Client, &more).is_err());
    }

    #[test]
    fn keys_are_told_apart_and_nonsense_is_refused() {
        let (one, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let parse = |key| Request::parse(&request(key, "system:node:a", "system:nodes", &[])).expect("reads");
        assert!(parse(&one).has_key_of(&parse(&one)));
        assert!(!parse(&one).has_key_of(&parse(&other)));
        assert!(Request::parse("???").is_err());
        assert!(Request::parse(&STANDARD.encode("text")).is_err());
    }
}
