//! Nodes that fall silent: what is said of them, which taints they get, and whose pods may leave.
//!
//! [`hearing`] knows who was silent for how long, [`zones`] how fast pods may leave, [`plan`] decides, [`taints`] says
//! what follows from conditions; this file acts. Pods themselves are deleted by the taint eviction.

mod hearing;
mod plan;
#[cfg(test)]
mod plan_tests;
pub mod taints;
mod zones;

use std::{collections::HashSet, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kube::api::Patch;
use parking_lot::Mutex;
use serde_json::{Value, json};
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
};
use tokio::sync::watch;

use crate::{
    flags::NodeFlags,
    objects::{ConditionStatus, Node, Pod, Taint, whole_seconds},
    refusal::is_gone,
    vigil::Sighting,
};
use plan::{Plan, State, VOUCHED, plan};

/// Writes at once.
const IN_FLIGHT: usize = 32;

/// The taints of one node by its conditions: at once, whenever the node changes.
pub struct NodeTaints {
    pub nodes: Informer<Node>,
}

impl Reconcile for NodeTaints {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(node) = self.nodes.get(key) else { return Ok(Next::Settled) };
        if let Some(taints) = taints::by_condition(&node, now()) {
            write_taints(&node, &taints, writer).await?;
        }
        Ok(Next::Settled)
    }
}

/// All nodes together, at each look at their heartbeats: zones are judged as a whole.
pub struct NodeLifecycle {
    pub nodes: Informer<Node>,
    pub pods: Informer<Pod>,
    pub sightings: watch::Receiver<Option<Sighting>>,
    pub flags: NodeFlags,
    pub state: Mutex<State>,
    pub events: Recorder,
}

impl NodeLifecycle {
    pub fn state() -> Mutex<State> {
        Mutex::default()
    }
}

impl Reconcile for NodeLifecycle {
    type Key = ();
    type Error = kube::Error;

    async fn reconcile(&self, _all: &(), writer: &Writer) -> Result<Next, kube::Error> {
        let Some(sighting) = self.sightings.borrow().clone() else { return Ok(Next::Settled) };
        let plan = plan(&mut self.state.lock(), &sighting, &self.nodes.all(), &self.flags);
        self.act(plan, writer).await?;
        Ok(Next::Settled)
    }
}

impl NodeLifecycle {
    async fn act(&self, plan: Plan, writer: &Writer) -> Result<(), kube::Error> {
        let unknown = stream::iter(plan.unknown).map(|node| self.mark_unknown(node, writer));
        unknown.buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>().await?;
        if !plan.unready_pods.is_empty() {
            self.mark_pods(&plan.unready_pods.into_iter().collect(), writer).await?;
        }
        for (node, key) in plan.evict {
            tracing::info!(node = %node.meta().name, taint = key, "pods shall leave the node");
            retaint(&node, writer, |node| taints::with_no_execute(node, key, now())).await?;
        }
        for node in plan.spare {
            tracing::info!(node = %node.meta().name, "no node is well: pods stay where they are");
            retaint(&node, writer, taints::without_no_execute).await?;
        }
        Ok(())
    }

    async fn mark_unknown(&self, node: Arc<Node>, writer: &Writer) -> Result<(), kube::Error> {
        let meta = node.meta();
        tracing::info!(node = %meta.name, "node was not heard of for too long");
        let revision = meta.resource_version.to_string();
        let patch = json!({"metadata": {"uid": &*meta.uid, "resourceVersion": revision},
            "status": {"conditions": unknown_conditions(&node)}});
        match writer.patch_status::<Node>(&meta.key(), &Patch::Strategic(patch)).await {
            Err(error) if is_gone(&error) => return Ok(()),
            // It may just have said how it is: the next look tells.
            Err(kube::Error::Api(status)) if status.code == 409 => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => self.state.lock().hearing.told_unknown(&meta.name),
        }
        if node.is_ready() {
            let message = format!("Node {} status is now: NodeNotReady", meta.name);
            self.events.normal(Regarding::object(&*node), "NodeNotReady", message);
        }
        Ok(())
    }

    /// Pods of these nodes serve nobody any more, as far as anybody can tell.
    async fn mark_pods(&self, nodes: &HashSet<Arc<str>>, writer: &Writer) -> Result<(), kube::Error> {
        let on_them = |pod: &Arc<Pod>| pod.spec.node_name.as_ref().is_some_and(|node| nodes.contains(node));
        let pods = self.pods.all().into_iter().filter(|pod| pod.is_ready() && on_them(pod));
        let marked = stream::iter(pods).map(|pod| async move {
            let meta = pod.meta();
            let ready = json!({"type": "Ready", "status": "False", "lastTransitionTime": now()});
            let patch = json!({"metadata": {"uid": &*meta.uid}, "status": {"conditions": [ready]}});
            match writer.patch_status::<Pod>(&meta.key(), &Patch::Strategic(patch)).await {
                Err(error) if is_gone(&error) => Ok(()),
                Err(error) => Err(error),
                Ok(_) => {
                    self.events.warning(Regarding::object(&*pod), "NodeNotReady", "Node is not ready");
                    Ok(())
                }
            }
        });
        marked.buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>().await?;
        Ok(())
    }
}

fn unknown_conditions(node: &Node) -> Vec<Value> {
    let known = |kind: &str| node.condition(kind).is_none_or(|c| c.status != ConditionStatus::Unknown);
    let condition = |kind: &str| {
        let (reason, message) = match node.condition(kind) {
            Some(_) => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
            None => ("NodeStatusNeverUpdated", "Kubelet never posted node status."),
        };
        json!({"type": kind, "status": "Unknown", "reason": reason, "message": message, "lastTransitionTime": now()})
    };
    VOUCHED.into_iter().filter(|kind| known(kind)).map(condition).collect()
}

/// Writes taints that were made for the node as we know it; if it has changed since, makes them again.
async fn retaint(node: &Node, writer: &Writer, make: impl Fn(&Node) -> Vec<Taint>) -> Result<(), kube::Error> {
    match write_taints(node, &make(node), writer).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        other => return other,
    }
    match writer.read::<Node>(&node.meta().key()).await? {
        Some(newer) if newer.meta().uid == node.meta().uid => write_taints(&newer, &make(&newer), writer).await,
        _ => Ok(()),
    }
}

/// Only if nobody has changed the node meanwhile: the list is written whole.
async fn write_taints(node: &Node, taints: &[Taint], writer: &Writer) -> Result<(), kube::Error> {
    let meta = node.meta();
    let patch = json!({
        "metadata": {"resourceVersion": meta.resource_version.to_string()},
        "spec": {"taints": if taints.is_empty() { Value::Null } else { json!(taints) }},
    });
    match writer.patch::<Node>(&meta.key(), &Patch::Merge(patch)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

/// As the API shows times.
fn now() -> Timestamp {
    whole_seconds(Timestamp::now())
}
