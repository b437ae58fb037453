//! What can end an agent, or a call into this crate.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("docker at {host}: {message}")]
    Docker { host: String, message: String },
    #[error("API server: {0}")]
    Api(#[from] Box<kube::Error>),
    #[error("{path}: {message}")]
    File { path: PathBuf, message: String },
    #[error("cannot listen on {address}: {message}")]
    Listen { address: String, message: String },
    #[error("{0}")]
    Config(String),
}
