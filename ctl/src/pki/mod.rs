//! The cluster's identities on disk: one CA, one certificate for each component, the admin's token.
//!
//! Invariants: what is there is kept (a second run only adds what is missing), private keys are readable by their owner
//! alone, and a certificate that is close to its end is made anew from the same CA.
//!
//! Reading order: [`layout`] (which file is where), [`authority`] (the CA), [`issue`] (what each component gets),
//! [`kubeconfig`] (the same identities as clients read them).

pub mod authority;
pub mod issue;
pub mod kubeconfig;
pub mod layout;

use std::path::PathBuf;

/// What can go wrong while identities are made or read; each names the file at fault.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} is not what it should be: {detail}; restore it from a backup, or remove the folder to start a new cluster"
    )]
    Malformed { path: PathBuf, detail: String },
    #[error("cannot make a certificate for {subject}: {source}")]
    Issue { subject: String, source: rcgen::Error },
    #[error("{0:?} is neither a host name nor an IP address")]
    Name(String),
}
