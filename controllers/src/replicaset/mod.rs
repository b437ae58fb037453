//! ReplicaSets and ReplicationControllers: as many pods as asked for.
//!
//! [`plan`] counts and decides, [`status`] reports; this file acts.

#[cfg(test)]
mod laws;
mod plan;
mod start;
mod status;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kube::api::Patch;
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Writer, events::Recorder};

use crate::{
    objects::{Pod, Replicated},
    pods::{
        batches::{self, Failure},
        claim,
        preference::NodeCrowd,
        template,
    },
};
use plan::{Observed, Plan, plan};
pub use start::{replicaset, replicationcontroller};
pub use status::REPLICA_FAILURE;

/// `T` is the kind that says how many.
pub struct Replicas<T> {
    pub sets: Informer<T>,
    pub pods: Informer<Pod>,
    pub events: Recorder,
}

impl<T: Replicated> Reconcile for Replicas<T> {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(set) = self.sets.get(key) else { return Ok(Next::Settled) };
        let pods = claim::candidates(&*set, &self.pods);
        let crowd = if pods.len() > usize::try_from(set.spec().replicas).unwrap_or(0) {
            self.crowd(&set)
        } else {
            NodeCrowd::new()
        };
        let plan = plan(&Observed { set: &*set, pods: &pods, crowd: &crowd, now: Timestamp::now() });
        plan.claimed.settle(&*set, writer).await?;
        let failed = self.act(&set, &plan, writer).await.err();
        let status = status::status(&*set, &plan, failed.as_ref(), Timestamp::now());
        if status != *set.status() {
            let patch = Patch::Merge(status::patch::<T>(&status));
            writer.patch_status::<T>(key, &patch).await?;
        }
        match (failed, plan.available_in) {
            (Some(failure), _) => Err(failure.error),
            (None, Some(wait)) => Ok(Next::After(wait.unsigned_abs())),
            (None, None) => Ok(Next::Settled),
        }
    }
}

impl<T: Replicated> Replicas<T> {
    /// Where the pods of this set's siblings run: sets of one Deployment avoid leaving a node crowded.
    fn crowd(&self, set: &T) -> NodeCrowd {
        let siblings = match set.meta().controller() {
            Some(owner) => self.sets.controlled_by(&owner.uid),
            None => self.sets.get(&set.meta().key()).into_iter().collect(),
        };
        let mut crowd = NodeCrowd::new();
        for pod in siblings.iter().flat_map(|set| self.pods.controlled_by(&set.meta().uid)) {
            if let (true, Some(node)) = (pod.is_active(), &pod.spec.node_name) {
                *crowd.entry(node.clone()).or_default() += 1;
            }
        }
        crowd
    }

    /// Creates or deletes.
    async fn act(&self, set: &T, plan: &Plan, writer: &Writer) -> Result<(), Failure> {
        if plan.create == 0 {
            return batches::delete(set, &plan.delete, writer, &self.events).await;
        }
        // Written once, sent often.
        let body = serde_json::value::to_raw_value(&template::any_pod_of(set)).map_err(|error| Failure {
            reason: "FailedCreate",
            message: error.to_string(),
            error: kube::Error::SerdeError(error),
        })?;
        batches::create(set, plan.create, |_| &body, writer, &self.events).await
    }
}
