//! What a server is started with, and why it may refuse to start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use timonier_store::Store;

pub use crate::kinds::pod::Patience;
pub use crate::limits::Limits;

/// Everything a server needs. The store is handed over open, so that one process may share it and tests may use any engine.
pub struct Config {
    /// Address to listen on; port 0 takes a free one.
    pub bind: SocketAddr,
    pub pki: PkiPaths,
    pub store: Store,
    /// Address that is told to clients in discovery; the bound address when unset.
    pub advertise: Option<SocketAddr>,
    /// What pods tolerate of their nodes unless they say otherwise.
    pub patience: Patience,
    /// What one client may take.
    pub limits: Limits,
}

/// Where the credentials are (PEM files, and the token file in Kubernetes' `--token-auth-file` form).
#[derive(Clone, Debug)]
pub struct PkiPaths {
    pub ca_cert: PathBuf,
    pub serving_cert: PathBuf,
    pub serving_key: PathBuf,
    /// The certificate that node agents accept, for logs.
    pub kubelet_client_cert: PathBuf,
    pub kubelet_client_key: PathBuf,
    /// The key (PEM, PKCS#8, EC P-256) that signs service account tokens; a missing file means that none are made.
    pub service_account_key: PathBuf,
    /// Lines of `token,user,uid,"group1,group2"`; a missing file means no tokens.
    pub tokens: PathBuf,
}

impl PkiPaths {
    /// The names that `kctl pki init DIR` gives.
    pub fn in_dir(dir: impl AsRef<Path>) -> PkiPaths {
        let dir = dir.as_ref();
        PkiPaths {
            ca_cert: dir.join("ca.crt"),
            serving_cert: dir.join("apiserver.crt"),
            serving_key: dir.join("apiserver.key"),
            kubelet_client_cert: dir.join("apiserver-kubelet-client.crt"),
            kubelet_client_key: dir.join("apiserver-kubelet-client.key"),
            service_account_key: dir.join("sa.key"),
            tokens: dir.join("tokens.csv"),
        }
    }
}

/// Why a server did not start. Each names the file or address at fault.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {reason}", path.display())]
    Credentials { path: PathBuf, reason: String },
    #[error("the store refused the first transaction: {0}")]
    Store(String),
}
