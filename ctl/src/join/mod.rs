//! Making this machine a node of a cluster that runs elsewhere, with nothing but a short-lived token.
//!
//! Order of things: `discovery` finds the right cluster (its CA must have the key that the user named), `certificates` gets
//! this node's certificates signed (the key never leaves this machine), `files` keeps them, `agent` runs the node.
//!
//! Invariants: nothing secret is sent before the CA was checked; what was joined once needs no token again.

pub mod agent;
pub mod certificates;
pub mod cluster_info;
pub mod discovery;
pub mod files;
pub mod pin;

use crate::local::ClusterError;
use crate::pki::PkiError;

/// Why a machine could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("{0:?} is not the address of an API server, such as https://10.0.0.5:6443")]
    Endpoint(String),
    #[error("--ca-cert-hash {given:?} is not sha256: and 64 hexadecimal digits")]
    Hash { given: String },
    #[error(
        "{server} is not the cluster that --ca-cert-hash names: the key of its CA is {found}. \
         Take the command that `kctl node token create` prints there; if it is the same, somebody stands between"
    )]
    WrongCluster { server: String, found: String },
    #[error("--token {0:?} is not a bootstrap token: want 6 and 16 letters and digits, as in abcdef.0123456789abcdef")]
    TokenForm(String),
    #[error("the server does not know the token, or its time is over; make another with `kctl node token create`")]
    Token,
    #[error("cannot reach {server}: {detail}\n{hint}")]
    Unreachable { server: String, detail: String, hint: &'static str },
    #[error("{server} published no cluster-info: its controllers need the CA's key (timonier-controllers --pki DIR)")]
    NoClusterInfo { server: String },
    #[error(
        "this machine's clock is {0}; set it (for instance with an NTP service), since certificates and tokens have times"
    )]
    Clock(String),
    #[error("certificate request {name} was denied: {message}")]
    Denied { name: String, message: String },
    #[error("certificate request {name} cannot be signed: {message}")]
    Failed { name: String, message: String },
    #[error(
        "certificate request {name} was not signed within {seconds} s. If the controllers run with the CA's key \
         (timonier-controllers --pki DIR), a person may have to approve it: kubectl certificate approve {name}; then run this again"
    )]
    NotSigned { name: String, seconds: u64 },
    #[error("{0}")]
    Usage(String),
    #[error("the API server said no: {0}")]
    Refused(String),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Local(#[from] ClusterError),
    #[error("the node's agent ended: {0}")]
    Agent(#[from] timonier_nodeagent::Error),
}

impl From<JoinError> for crate::error::Error {
    fn from(error: JoinError) -> Self {
        crate::error::Error::usage(error.to_string())
    }
}
