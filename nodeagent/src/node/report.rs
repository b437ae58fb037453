//! The node's status: written when it changed, when others said something else, and now and then in any case.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use kube::{Api, Client, api::Patch};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    Circumstances, Description, FIRST_RETRY, SICK_CHECK, WriteError, in_time, manager, object, register, standing,
};
use crate::{config::Timings, runtime::Runtime};

pub async fn report<R: Runtime>(
    runtime: Arc<R>,
    client: Client,
    description: Description,
    timings: Timings,
    circumstances: Circumstances,
    mut back: watch::Receiver<u64>,
    shutdown: CancellationToken,
) {
    let Circumstances { mut network_ready, mut pressures, directory, .. } = circumstances;
    let nodes: Api<Node> = Api::all(client.clone());
    let mut turns = interval(timings.node_check);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said: Option<(Vec<NodeCondition>, Instant)> = None;
    // The cluster has taken the node for lost, or has never known it.
    let mut away = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = turns.tick() => {}
            Ok(()) = network_ready.changed() => {}
            Ok(()) = back.changed() => {}
            Ok(()) = pressures.changed() => {}
        }
        let has_network = *network_ready.borrow();
        let health = health(&*runtime, has_network).await;
        if health.is_err() {
            // Pods wait for it.
            turns.reset_after(SICK_CHECK.min(timings.node_check));
        }
        let told = match in_time(nodes.get_opt(&description.name)).await {
            Ok(node) => object::told(node.as_ref()),
            Err(error) => {
                tracing::warn!(%error, "node status not read");
                turns.reset_after(FIRST_RETRY);
                continue;
            }
        };
        let conditions = object::conditions(&health, &pressures.borrow_and_update(), &told, Timestamp::now());
        away |= object::is_lost(&told);
        let news = said
            .as_ref()
            .is_none_or(|(said, at)| object::differ(said, &conditions) || at.elapsed() >= timings.node_report);
        // Others may have said something else of a node that they did not hear.
        if !news && !object::contradicts(&told, &conditions) {
            continue;
        }
        if away && health.is_ok() {
            match standing::leftovers(&*runtime, &client, &description.name, &directory).await {
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
        match in_time(nodes.patch_status(&description.name, &manager(), &patch)).await {
            Ok(_) => said = Some((conditions, Instant::now())),
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

/// Why the node is not ready, if it is not.
async fn health<R: Runtime>(runtime: &R, network_ready: bool) -> Result<(), String> {
    match runtime.alive().await {
        Err(error) => Err(format!("container runtime is down: {error}")),
        Ok(()) if !network_ready => Err("container runtime network not ready: the node has no podCIDR yet".to_owned()),
        Ok(()) => Ok(()),
    }
}
