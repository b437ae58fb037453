//! The Lease in `kube-node-lease` whose renewal says that the node is alive.

use jiff::Timestamp;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Node};
use kube::{
    Api, Client,
    api::{Patch, PostParams},
};
use serde_json::{from_value, json};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{FIELD_MANAGER, FIRST_RETRY, WriteError, in_time, manager};
use crate::config::Timings;
use crate::fence::{self, Contact};

const NAMESPACE: &str = "kube-node-lease";

/// `back`: counts how often the server has heard us again after it had not.
pub async fn renew(
    client: Client,
    node: String,
    timings: Timings,
    back: watch::Sender<u64>,
    contact: Contact,
    shutdown: CancellationToken,
) {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let nodes: Api<Node> = Api::all(client);
    let mut turns = interval(timings.lease_renew);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cut_off = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = turns.tick() => {}
        }
        let asked = fence::now();
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let spec = json!({
            "holderIdentity": node,
            "leaseDurationSeconds": timings.lease_duration.as_secs(),
            "renewTime": now,
        });
        let patch = Patch::Merge(json!({ "spec": spec }));
        let renewed = in_time(leases.patch(&node, &manager(), &patch)).await;
        let renewed = match renewed {
            Err(WriteError::Api(kube::Error::Api(status))) if status.code == 404 => {
                in_time(create(&leases, &nodes, &node, spec)).await
            }
            other => other.map(drop),
        };
        match renewed {
            Ok(()) => {
                contact.heard(asked);
                if std::mem::take(&mut cut_off) {
                    back.send_modify(|times| *times += 1);
                }
            }
            Err(error) => {
                tracing::warn!(%error, node, "lease not renewed");
                cut_off = true;
                turns.reset_after(FIRST_RETRY.max(timings.lease_renew / 10));
            }
        }
    }
}

/// The Lease goes when its Node does.
async fn create(
    leases: &Api<Lease>,
    nodes: &Api<Node>,
    node: &str,
    spec: serde_json::Value,
) -> Result<(), kube::Error> {
    let owner = nodes.get(node).await?;
    let lease: Lease = from_value(json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": node,
            "namespace": NAMESPACE,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": owner.metadata.uid}],
        },
        "spec": spec,
    }))
    .map_err(kube::Error::SerdeError)?;
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    leases.create(&parameters, &lease).await.map(drop)
}
