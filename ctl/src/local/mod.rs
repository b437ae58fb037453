//! A whole cluster in one process, for `kctl up` and `kctl down`.
//!
//! Invariants: one process at a time works in a state folder; what a first start decided (port, addresses, identities) is
//! kept; stopping the process leaves containers running; only a purge removes them, and nothing that is not the cluster's.
//!
//! Reading order: [`state_dir`] (files and the lock), [`settings`] (what is kept), [`addresses`] (choosing what is free),
//! [`process`] (all parts in one process), [`detach`] (the same in the background), [`ready`] (waiting for the
//! nodes), [`stop`].

pub mod addresses;
pub mod detach;
mod ending;
mod ports;
pub mod process;
pub mod ready;
pub mod settings;
pub mod signal;
pub mod state_dir;
pub mod stop;

use std::path::PathBuf;

/// Why a cluster could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path} cannot be read: {detail}; mend it, or start over with `kctl down --purge`")]
    Settings { path: PathBuf, detail: String },
    #[error(
        "a cluster runs already from {dir} (process {pid}); stop it with `kctl down --state-dir {dir}`, or give another --state-dir"
    )]
    Running { dir: String, pid: String },
    #[error("no cluster was ever started from {0}")]
    Absent(PathBuf),
    #[error("{flag} is {wanted}, but this cluster was made with {kept}; {hint}")]
    Changed { flag: &'static str, wanted: String, kept: String, hint: &'static str },
    #[error("port {port} on {address} is taken: {source}; give another with --port, or --port 0 for any free one")]
    Port { port: u16, address: String, source: std::io::Error },
    #[error("{0}")]
    NoAddresses(String),
    #[error(transparent)]
    Pki(#[from] crate::pki::PkiError),
    #[error("--store: {0}")]
    StoreUrl(#[from] timonier_store::UrlError),
    #[error("the store cannot be opened: {0}")]
    Store(#[from] timonier_store::OpenError),
    #[error("the API server cannot start: {0}")]
    Server(#[from] timonier_apiserver::StartError),
    #[error(
        "the Docker Engine does not answer: {0}; start it (systemctl start docker), name another with --docker-host, or try simulated nodes: --runtime hollow"
    )]
    Docker(String),
    #[error("the certificate authority: {0}")]
    Authority(#[from] timonier_controllers::AuthorityError),
    #[error(transparent)]
    Profiles(#[from] timonier_controllers::ProfileError),
    #[error("{part} stopped: {detail}")]
    Part { part: String, detail: String },
    #[error("the cluster's own API does not answer: {0}")]
    Api(#[from] kube::Error),
    #[error("not ready after {seconds} s: {what}; the log is {log}")]
    NotReady { seconds: u64, what: String, log: PathBuf },
    #[error("{detail}; the log is {log}")]
    Died { detail: String, log: PathBuf },
    #[error("process {0} does not end")]
    Stuck(u32),
}

impl From<ClusterError> for crate::error::Error {
    fn from(error: ClusterError) -> Self {
        crate::error::Error::usage(error.to_string())
    }
}
