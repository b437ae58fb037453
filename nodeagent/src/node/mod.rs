//! The Node object: who this node is, how it fares, and the Lease that says it is alive.

mod lease;
mod object;
mod register;
mod report;
mod standing;

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use kube::{Client, api::PatchParams};
pub use object::Description;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{config::Timings, directory::Directory, eviction::Pressure, fence::Contact, runtime::Runtime};

pub use register::{await_pod_cidr, register};
#[cfg(test)]
pub use standing::leftovers;

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

/// How often to look whether a runtime that is down is back.
const SICK_CHECK: Duration = Duration::from_secs(1);

/// What the node's conditions follow besides its runtime.
pub struct Circumstances {
    /// Turns true when pods can be given addresses.
    pub network_ready: watch::Receiver<bool>,
    pub pressures: watch::Receiver<BTreeSet<Pressure>>,
    pub directory: Directory,
    /// Told of each heartbeat that the server took.
    pub contact: Contact,
}

/// Keeps the Node's status and Lease fresh until `shutdown`. `back` counts how often the API server has heard the node again after it had not.
pub async fn maintain<R: Runtime>(
    runtime: Arc<R>,
    client: Client,
    description: Description,
    timings: Timings,
    circumstances: Circumstances,
    back: watch::Sender<u64>,
    shutdown: CancellationToken,
) {
    let name = description.name.clone();
    let returned = back.subscribe();
    let contact = circumstances.contact.clone();
    let lease = lease::renew(client.clone(), name, timings.clone(), back, contact, shutdown.clone());
    let status = report::report(runtime, client, description, timings, circumstances, returned, shutdown);
    tokio::join!(lease, status);
}
