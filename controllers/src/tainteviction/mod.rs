//! Deletes the pods that do not tolerate a node's `NoExecute` taint, once what they tolerate is over.
//!
//! One key a node. The pods of a tainted node are read from the server itself: they are few, and who is deleted shall
//! not be told by a copy.

mod plan;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use kube::api::{DeleteParams, ListParams, Patch};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use timonier_client::{
    Informer, Meta, Next, Object, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
    object::null_as_default,
};

use crate::{
    objects::{Node, Pod, whole_seconds},
    refusal::is_gone,
    vigil::Vigil,
};
use plan::{Bound, Waiting, effective, plan};

pub struct TaintEviction {
    pub nodes: Informer<Node>,
    pub vigil: Arc<Vigil>,
    /// What a node that seems lost gets after a gap.
    pub grace: std::time::Duration,
    /// By node.
    pub waiting: Mutex<HashMap<Arc<str>, Waiting>>,
    pub events: Recorder,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<BoundPod>,
}

#[derive(Deserialize)]
struct BoundPod {
    metadata: Meta,
    #[serde(default)]
    spec: Tolerating,
}

#[derive(Default, Deserialize)]
struct Tolerating {
    #[serde(default, deserialize_with = "null_as_default")]
    tolerations: Vec<core::Toleration>,
}

impl Reconcile for TaintEviction {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let node = self.nodes.get(key);
        let taints = node.as_deref().map(effective).unwrap_or_default();
        let was_waiting = self.waiting.lock().get(&key.name).cloned();
        if taints.is_empty() && was_waiting.is_none() {
            return Ok(Next::Settled);
        }
        let pods = pods_of(&key.name, writer).await?;
        // Who leaves already has nothing to wait for.
        let pods: Vec<BoundPod> = pods.into_iter().filter(|pod| !pod.metadata.is_deleting()).collect();
        let bound: Vec<Bound> = pods
            .iter()
            .map(|pod| Bound { uid: pod.metadata.uid.clone(), tolerations: pod.spec.tolerations.clone() })
            .collect();
        let mut waiting = was_waiting.unwrap_or_default();
        let plan = plan(&taints, &bound, &mut waiting, self.vigil.moment(), self.grace);
        if taints.is_empty() {
            self.waiting.lock().remove(&key.name);
        } else {
            self.waiting.lock().insert(key.name.clone(), waiting);
        }
        let named = |uid: &Arc<str>| pods.iter().find(|pod| pod.metadata.uid == *uid);
        for pod in plan.cancelled.iter().filter_map(named) {
            let message = format!("Cancelling deletion of Pod {}", pod.metadata.key());
            self.events.normal(Regarding::new("Pod", "v1", &pod.metadata), "TaintManagerEviction", message);
        }
        for pod in plan.evict.iter().filter_map(named) {
            self.evict(&pod.metadata, writer).await?;
        }
        Ok(plan.next.map_or(Next::Settled, Next::After))
    }
}

impl TaintEviction {
    async fn evict(&self, pod: &Meta, writer: &Writer) -> Result<(), kube::Error> {
        tracing::info!(pod = %pod.key(), "does not tolerate its node's taint");
        let message = format!("Marking for deletion Pod {}", pod.key());
        self.events.normal(Regarding::new("Pod", "v1", pod), "TaintManagerEviction", message);
        let reason = ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
        if !disrupt(pod, reason, None, writer).await? {
            return Ok(());
        }
        writer.delete(&Pod::RESOURCE, &pod.key(), &pod.uid, DeleteParams::default()).await
    }
}

/// Says in the pod's status why it is about to be deleted. `false`: it is gone already.
pub async fn disrupt(
    pod: &Meta,
    (reason, message): (&str, &str),
    phase: Option<&str>,
    writer: &Writer,
) -> Result<bool, kube::Error> {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": reason, "message": message,
        "lastTransitionTime": whole_seconds(Timestamp::now()),
    });
    let mut patch = json!({"metadata": {"uid": &*pod.uid}, "status": {"conditions": [condition]}});
    if let Some(phase) = phase {
        patch["status"]["phase"] = phase.into();
    }
    match writer.patch_status::<Pod>(&pod.key(), &Patch::Strategic(patch)).await {
        Ok(_) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn pods_of(node: &str, writer: &Writer) -> Result<Vec<BoundPod>, kube::Error> {
    let params = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let request = kube::core::Request::new(Pod::RESOURCE.path(None)).list(&params);
    let list: List = writer.client().request(request.map_err(kube::Error::BuildRequest)?).await?;
    Ok(list.items)
}
