//! A kubeconfig file with one cluster, one user and one context.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// How the user proves who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    Token(String),
    Certificate { certificate_pem: String, key_pem: String },
}

/// What the file says; `Display` writes it as YAML.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    pub cluster: String,
    pub server: String,
    pub ca_pem: String,
    pub user: String,
    pub credential: Credential,
}

impl fmt::Display for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kubeconfig { cluster, server, ca_pem, user, credential } = self;
        let ca = STANDARD.encode(ca_pem);
        let context = if user == "admin" { cluster.clone() } else { format!("{user}@{cluster}") };
        writeln!(f, "apiVersion: v1\nkind: Config\npreferences: {{}}")?;
        writeln!(
            f,
            "clusters:\n- name: {cluster}\n  cluster:\n    server: {server}\n    certificate-authority-data: {ca}"
        )?;
        writeln!(f, "contexts:\n- name: {context}\n  context:\n    cluster: {cluster}\n    user: {user}")?;
        writeln!(f, "current-context: {context}\nusers:\n- name: {user}\n  user:")?;
        match credential {
            Credential::Token(token) => writeln!(f, "    token: {token}"),
            Credential::Certificate { certificate_pem, key_pem } => writeln!(
                f,
                "    client-certificate-data: {}\n    client-key-data: {}",
                STANDARD.encode(certificate_pem),
                STANDARD.encode(key_pem)
            ),
        }
    }
}
