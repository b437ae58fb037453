//! The Node object: who this node is, how it fares, and the Lease that says it is alive.

mod lease;
mod object;
mod register;
mod report;
mod standing;

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use kube::{Client, api::PatchParams};
pub use object::Description;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{config::Timings, runtime::Runtime};

pub use register::{await_pod_cidr, register};

const FIELD_MANAGER: &str = "timonier-nodeagent";
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(200);
pub(crate) const LAST_RETRY: Duration = Duration::from_secs(7);

/// A server that takes longer has lost the request, or we have lost the server.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("the API server did not answer within {PATIENCE:?}")]
    Late,
}

/// Waits for an answer, but not for ever: a connection may be dead without anybody saying so.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, kube::Error>>) -> Result<T, WriteError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(WriteError::Late),
    }
}

fn manager() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Keeps the Node's status and Lease fresh until `shutdown`. `network_ready` turns true when pods can be given addresses;
/// `back` counts how often the API server has heard the node again after it had not.
pub async fn maintain<R: Runtime>(
    runtime: Arc<R>,
    client: Client,
    description: Description,
    timings: Timings,
    network_ready: watch::Receiver<bool>,
    back: watch::Sender<u64>,
    shutdown: CancellationToken,
) {
    let name = description.name.clone();
    let returned = back.subscribe();
    let lease = lease::renew(client.clone(), name, timings.clone(), back, shutdown.clone());
    let status = report::report(runtime, client, description, timings, network_ready, returned, shutdown);
    tokio::join!(lease, status);
}

/// Bytes of the file system that a path lies on; 0 is unknown.
pub fn disk_size(path: &str) -> u64 {
    // `df` speaks for the kernel: the call itself would need unsafe code.
    let output = std::process::Command::new("df").args(["-B1", "--output=size"]).arg(Path::new(path)).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}
