//! DaemonSets: a pod on every node that fits.
//!
//! [`fit`] says which nodes do, [`plan`] what is missing and how updates roll, [`body`] what a pod looks like,
//! [`backoff`] how soon one that ended is made anew; this file acts.

mod backoff;
mod body;
mod fit;
mod plan;
mod start;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::api::Patch;
use parking_lot::Mutex;
use serde_json::{Value, json};
use timonier_client::{
    Informer, Next, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
};

use crate::{
    history::{self, HashLabel},
    objects::{ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod},
    pods::{batches, claim},
    refusal::namespace_ends,
};
use backoff::Backoffs;
use body::{REVISION, body};
use plan::{Observed, Plan, plan};
pub use start::daemonset;

/// Under which a revision has the hash of its template; its pods have it under the same.
const HASH: HashLabel = HashLabel(REVISION);

pub struct DaemonSets {
    pub sets: Informer<DaemonSet>,
    pub nodes: Informer<Node>,
    pub pods: Informer<Pod>,
    pub revisions: Informer<ControllerRevision>,
    pub events: Recorder,
    pub backoffs: Mutex<Backoffs>,
}

impl Reconcile for DaemonSets {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(set) = self.sets.get(key) else { return Ok(Next::Settled) };
        let candidates = claim::candidates(&*set, &self.pods);
        let claimed = claim::claim(&*set, &candidates, |_| true);
        if !claimed.settle(&*set, writer).await? {
            return Ok(Next::Settled);
        }
        let collisions = set.status.collision_count.unwrap_or(0);
        let history = match history::settle(&*set, &self.revisions, HASH, collisions, writer).await {
            Err(error) if namespace_ends(&error) => return Ok(Next::Settled),
            settled => settled?,
        };
        let hash = HASH.of(&history.update);
        let (nodes, pods) = (self.nodes.all(), &claimed.owned);
        let mut plan = plan(&Observed { set: &set, nodes: &nodes, pods, hash, now: Timestamp::now() });
        let wait = self.take_turns(&set, &mut plan);
        let acted = self.act(&set, &plan, hash, writer).await;
        let mut status = plan.counts;
        status.collision_count = (history.collisions > 0).then_some(history.collisions);
        if status != set.status {
            writer.patch_status::<DaemonSet>(key, &Patch::Merge(patch(&status))).await?;
        }
        acted.map_err(|failure| failure.error)?;
        let alive = |revision: &ControllerRevision| {
            let hash = HASH.of(revision);
            pods.iter().any(|pod| pod.metadata.labels.get(REVISION).is_some_and(|of| of == hash))
        };
        let mut live: HashSet<Arc<str>> = HashSet::from([history.update.metadata.name.clone()]);
        live.extend(history.revisions.iter().filter(|found| alive(found)).map(|found| found.metadata.name.clone()));
        history::clean_up(&history, &live, set.spec.revision_history_limit, writer).await?;
        let available_in = plan.available_in.map(|wait| wait.unsigned_abs());
        Ok(available_in.into_iter().chain(wait).min().map_or(Next::Settled, Next::After))
    }
}

impl DaemonSets {
    /// Pods that ended are deleted when it is their turn; how long until the next one's is returned.
    fn take_turns(&self, set: &DaemonSet, plan: &mut Plan) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for (node, pod) in std::mem::take(&mut plan.ended) {
            if let Some(left) = self.backoffs.lock().wait(&set.metadata.uid, &node, Instant::now()) {
                next = Some(next.map_or(left, |next| next.min(left)));
                continue;
            }
            let (reason, what) =
                if pod.has_failed() { ("FailedDaemonPod", "failed") } else { ("SucceededDaemonPod", "succeeded") };
            let message =
                format!("Found {what} daemon pod {} on node {node}, will try to delete it", pod.metadata.key());
            self.events.warning(Regarding::object(set), reason, message);
            plan.delete.push(pod);
        }
        next
    }

    async fn act(&self, set: &DaemonSet, plan: &Plan, hash: &str, writer: &Writer) -> Result<(), batches::Failure> {
        let bodies: Vec<Value> = plan.create.iter().map(|node| body(set, node, hash)).collect();
        let created = batches::create(set, bodies.len(), |n| &bodies[n], writer, &self.events).await;
        batches::delete(set, &plan.delete, writer, &self.events).await.and(created)
    }
}

/// As a merge patch of the whole status: what may be absent is, when it is zero.
fn patch(status: &DaemonSetStatus) -> Value {
    let unless_zero = |count: i32| if count == 0 { Value::Null } else { json!(count) };
    json!({"status": {
        "observedGeneration": status.observed_generation,
        "desiredNumberScheduled": status.desired_number_scheduled,
        "currentNumberScheduled": status.current_number_scheduled,
        "numberMisscheduled": status.number_misscheduled,
        "numberReady": status.number_ready,
        "numberAvailable": unless_zero(status.number_available),
        "numberUnavailable": unless_zero(status.number_unavailable),
        "updatedNumberScheduled": unless_zero(status.updated_number_scheduled),
        "collisionCount": status.collision_count,
    }})
}
