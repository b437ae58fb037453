//! ReplicaSets: as many pods as asked for.
//!
//! [`plan`] counts and decides, [`preference`] orders deletions, [`status`] reports; this file acts.

mod plan;
mod preference;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::api::{DeleteParams, Patch};
use serde_json::{Value, json};
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
    watch::brief,
};

use crate::{
    objects::{Pod, ReplicaSet},
    owners,
    refusal::namespace_ends,
};
use plan::{Observed, Plan, plan};
use preference::NodeCrowd;
use status::Failure;
pub use status::REPLICA_FAILURE;

/// Requests that one ReplicaSet keeps in flight.
const IN_FLIGHT: usize = 32;

pub struct ReplicaSets {
    pub sets: Informer<ReplicaSet>,
    pub pods: Informer<Pod>,
    pub events: Recorder,
}

/// The ReplicaSets that a pod concerns: its controller, or, for an orphan, all that would adopt it.
pub fn concerned(pod: &Pod, sets: &Informer<ReplicaSet>) -> Vec<ObjectKey> {
    let meta = pod.meta();
    let Some(namespace) = &meta.namespace else { return Vec::new() };
    match meta.controller() {
        Some(owner) if &*owner.kind == ReplicaSet::KIND => {
            vec![ObjectKey::namespaced(namespace.clone(), owner.name.clone())]
        }
        Some(_) => Vec::new(),
        None if meta.is_deleting() || meta.labels.is_empty() => Vec::new(),
        None => {
            let sets = sets.in_namespace(namespace);
            let adopters = sets.iter().filter(|set| set.spec.selector.matches(&meta.labels));
            adopters.map(|set| set.meta().key()).collect()
        }
    }
}

impl Reconcile for ReplicaSets {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let (Some(set), Some(namespace)) = (self.sets.get(key), key.namespace()) else {
            return Ok(Next::Settled);
        };
        let mut pods = self.pods.controlled_by(&set.metadata.uid);
        pods.extend(self.pods.orphans(namespace));
        let crowd = if pods.len() > usize::try_from(set.spec.replicas).unwrap_or(0) {
            self.crowd(&set)
        } else {
            NodeCrowd::new()
        };
        let plan = plan(&Observed { set: &set, pods: &pods, crowd: &crowd, now: Timestamp::now() });
        self.claim(&set, &plan, writer).await?;
        let failed = self.act(&set, &plan, writer).await;
        let failure = failed.as_ref().map(|(failure, _)| failure);
        let status = status::status(&set, &plan, failure, Timestamp::now());
        if status != set.status {
            let patch = Patch::Merge(status::patch(&status));
            writer.patch_status::<ReplicaSet>(key, &patch).await?;
        }
        match (failed, plan.available_in) {
            (Some((_, error)), _) => Err(error),
            (None, Some(wait)) => Ok(Next::After(wait.unsigned_abs())),
            (None, None) => Ok(Next::Settled),
        }
    }
}

impl ReplicaSets {
    /// Where the pods of this set's siblings run: sets of one Deployment avoid leaving a node crowded.
    fn crowd(&self, set: &ReplicaSet) -> NodeCrowd {
        let siblings = match set.meta().controller() {
            Some(owner) => self.sets.controlled_by(&owner.uid),
            None => self.sets.get(&set.meta().key()).into_iter().collect(),
        };
        let mut crowd = NodeCrowd::new();
        for pod in siblings.iter().flat_map(|set| self.pods.controlled_by(&set.metadata.uid)) {
            if let (true, Some(node)) = (pod.is_active(), &pod.spec.node_name) {
                *crowd.entry(node.clone()).or_default() += 1;
            }
        }
        crowd
    }

    async fn claim(&self, set: &ReplicaSet, plan: &Plan, writer: &Writer) -> Result<(), kube::Error> {
        if !plan.adopt.is_empty() && !owners::still_wants::<ReplicaSet>(writer, &set.metadata).await? {
            return Ok(());
        }
        for pod in &plan.adopt {
            owners::adopt::<Pod>(writer, &pod.metadata, owners::reference::<ReplicaSet>(&set.metadata)).await?;
        }
        for pod in &plan.release {
            owners::release::<Pod>(writer, &pod.metadata, &set.metadata.uid).await?;
        }
        Ok(())
    }

    /// Creates or deletes. The first error is remembered; what others did stands.
    async fn act(&self, set: &ReplicaSet, plan: &Plan, writer: &Writer) -> Option<(Failure, kube::Error)> {
        if plan.create > 0 {
            self.create(set, plan.create, writer).await
        } else {
            self.delete(set, &plan.delete, writer).await
        }
    }

    /// Creates in batches that double, so that what must fail (a quota, a webhook) fails a few times only.
    async fn create(&self, set: &ReplicaSet, count: usize, writer: &Writer) -> Option<(Failure, kube::Error)> {
        let namespace = set.metadata.namespace.as_deref();
        // Written once, sent often.
        let body = match serde_json::value::to_raw_value(&pod_of(set)).map_err(kube::Error::SerdeError) {
            Ok(body) => body,
            Err(error) => {
                let message = brief(&error).to_string();
                return Some((Failure { reason: "FailedCreate", message }, error));
            }
        };
        let mut left = count;
        let mut batch = 1;
        while left > 0 {
            let now = batch.min(left);
            let created = stream::iter(0..now)
                .map(|_| writer.create::<Pod>(namespace, &body))
                .buffer_unordered(IN_FLIGHT)
                .collect::<Vec<_>>()
                .await;
            let mut first_error = None;
            for result in created {
                match result {
                    Ok(pod) => self.events.normal(
                        Regarding::object(set),
                        "SuccessfulCreate",
                        format!("Created pod: {}", pod.metadata.name),
                    ),
                    // Its end is near; nothing is wrong with us.
                    Err(error) if namespace_ends(&error) => return None,
                    Err(error) => {
                        let message = format!("Error creating: {}", brief(&error));
                        self.events.warning(Regarding::object(set), "FailedCreate", message);
                        first_error.get_or_insert(error);
                    }
                }
            }
            if let Some(error) = first_error {
                let message = brief(&error).to_string();
                return Some((Failure { reason: "FailedCreate", message }, error));
            }
            left -= now;
            batch *= 2;
        }
        None
    }

    async fn delete(&self, set: &ReplicaSet, pods: &[Arc<Pod>], writer: &Writer) -> Option<(Failure, kube::Error)> {
        let deletions = stream::iter(pods.to_vec()).map(|pod| async move {
            let meta = pod.meta();
            let deleted = writer.delete(&Pod::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default()).await;
            (meta.name.clone(), deleted)
        });
        let mut first_error = None;
        for (name, result) in deletions.buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
            match result {
                Ok(()) => {
                    self.events.normal(Regarding::object(set), "SuccessfulDelete", format!("Deleted pod: {name}"))
                }
                Err(error) => {
                    let message = format!("Error deleting: {}", brief(&error));
                    self.events.warning(Regarding::object(set), "FailedDelete", message);
                    first_error.get_or_insert(error);
                }
            }
        }
        let error = first_error?;
        let message = brief(&error).to_string();
        Some((Failure { reason: "FailedDelete", message }, error))
    }
}

/// The pod that the template describes.
fn pod_of(set: &ReplicaSet) -> Value {
    let template = &set.spec.template;
    let mut metadata = json!({
        "generateName": format!("{}-", set.metadata.name),
        "ownerReferences": [owners::reference::<ReplicaSet>(&set.metadata)],
    });
    for field in ["labels", "annotations", "finalizers"] {
        match template.pointer(&format!("/metadata/{field}")) {
            None | Some(Value::Null) => {}
            Some(value) => metadata[field] = value.clone(),
        }
    }
    let spec = template.get("spec").cloned().unwrap_or_default();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}
