//! The node agent: turns the pods that are bound to one node into containers, and reports what became of them.

mod config;
mod error;

pub use config::{AgentTls, Config, Runtime, Timings};
pub use error::Error;
use tokio_util::sync::CancellationToken;

/// What [`purge`] removed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PurgeReport {
    pub containers: usize,
    pub networks: usize,
    pub images: usize,
}

/// Runs one agent until `shutdown`. Containers keep running afterwards.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    tracing::info!(node = config.node_name, "agent started");
    shutdown.cancelled().await;
    Ok(())
}

/// Removes every container and network of the cluster from one daemon, and the sandbox image when no one else uses it; touches nothing else.
///
/// `host` is as in [`Runtime::Docker`].
pub async fn purge(host: Option<&str>, cluster_id: &str) -> Result<PurgeReport, Error> {
    tracing::info!(host, cluster_id, "purge");
    Ok(PurgeReport::default())
}
