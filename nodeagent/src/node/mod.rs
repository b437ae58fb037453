//! The Node object: who this node is, how it fares, and the Lease that says it is alive.

mod lease;
mod object;
mod register;
mod standing;

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
pub use object::Description;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
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
    let status = report(runtime, client, description, timings, network_ready, returned, shutdown);
    tokio::join!(lease, status);
}

async fn report<R: Runtime>(
    runtime: Arc<R>,
    client: Client,
    description: Description,
    timings: Timings,
    mut network_ready: watch::Receiver<bool>,
    mut back: watch::Receiver<u64>,
    shutdown: CancellationToken,
) {
    let nodes: Api<Node> = Api::all(client.clone());
    let mut turns = interval(timings.node_check);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said: Option<(Vec<NodeCondition>, Instant)> = None;
    let mut previous = Vec::new();
    // An agent that just started may have been away for as long as one that was cut off.
    let mut away = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = turns.tick() => {}
            Ok(()) = network_ready.changed() => {}
            Ok(()) = back.changed() => {}
        }
        let health = match runtime.alive().await {
            Err(error) => Err(format!("container runtime is down: {error}")),
            Ok(_) if !*network_ready.borrow() => {
                Err("container runtime network not ready: the node has no podCIDR yet".to_owned())
            }
            Ok(_) => Ok(()),
        };
        let conditions = object::conditions(&health, &previous, Timestamp::now());
        // Others may have said something else of a node that they did not hear.
        let told = in_time(nodes.get_opt(&description.name)).await.ok();
        let told = told.as_ref().map(|node| object::statuses(node.as_ref()));
        away |= told
            .as_ref()
            .is_some_and(|told| told.iter().all(|(kind, status)| *kind != "Ready" || *status == "Unknown"));
        let contradicted = told.is_some_and(|told| object::contradicts(&told, &conditions));
        let due = contradicted
            || said
                .as_ref()
                .is_none_or(|(said, at)| object::differ(said, &conditions) || at.elapsed() >= timings.node_report);
        if !due {
            continue;
        }
        if away && health.is_ok() {
            match standing::leftovers(&*runtime, &client, &description.name).await {
                Ok(leftovers) if leftovers.is_empty() => away = false,
                unfit => {
                    tracing::info!(node = description.name, ?unfit, "not ready before these have ended");
                    turns.reset_after(FIRST_RETRY);
                    continue;
                }
            }
        }
        let mut status = description.status();
        status["conditions"] = json!(conditions);
        let patch = Patch::Strategic(json!({ "status": status }));
        let written = in_time(nodes.patch_status(&description.name, &manager(), &patch)).await;
        match written {
            Ok(_) => {
                previous = conditions.clone();
                said = Some((conditions, Instant::now()));
            }
            Err(WriteError::Api(kube::Error::Api(answer))) if answer.code == 404 => {
                // Somebody deleted it: as long as the agent runs there is a node.
                if let Err(error) = register::once(&nodes, &description).await {
                    tracing::warn!(%error, "node not registered again");
                }
                turns.reset_after(FIRST_RETRY);
            }
            Err(error) => {
                tracing::warn!(%error, "node status not written");
                turns.reset_after(FIRST_RETRY);
            }
        }
    }
}

/// Bytes of the file system that a path lies on; 0 is unknown.
pub fn disk_size(path: &str) -> u64 {
    // `df` speaks for the kernel: the call itself would need unsafe code.
    let output = std::process::Command::new("df").args(["-B1", "--output=size"]).arg(Path::new(path)).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}
