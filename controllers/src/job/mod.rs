//! Jobs: pods that run until enough of them have succeeded.
//!
//! [`plan`] decides; it asks [`count`] (each ended pod once), [`end`] (whether the job is over), [`manage`] (which pods
//! it is short of), [`policies`] and [`backoff`]. [`pod`] is what stands in pods, [`status`] what is written. This file
//! acts; `orphans` lets go of pods whose job is not there any more.

mod backoff;
mod count;
mod end;
mod indexes;
mod manage;
mod orphans;
mod plan;
mod pod;
mod policies;
mod start;
mod status;
#[cfg(test)]
mod tests;
pub mod ttl;
#[cfg(test)]
mod world_tests;

use std::{collections::HashMap, sync::Arc};

use futures::{TryStreamExt, stream};
use jiff::Timestamp;
use kube::api::Patch;
use parking_lot::Mutex;
use serde_json::json;
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{EventType, Recorder, Regarding},
};

use crate::{
    objects::{Job, JobStatus, Pod},
    pods::{batches, claim},
    refusal::is_gone,
};
use backoff::Failures;
use plan::{Observed, Plan, plan};
use pod::{FINALIZER, body, is_tracked};
pub use start::start;

/// Who acts on jobs that name nobody else.
const MANAGER: &str = "kubernetes.io/job-controller";
/// Requests that one job keeps in flight.
const IN_FLIGHT: usize = 32;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Job(ObjectKey),
    /// A pod that holds a job's finalizer, and whose job may not be there any more.
    Pod(ObjectKey),
}

pub struct Jobs {
    pub jobs: Informer<Job>,
    pub pods: Informer<Pod>,
    pub events: Recorder,
    /// By the job's uid, as long as it is not over.
    failures: Mutex<HashMap<Arc<str>, Failures>>,
}

/// When a pod is let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    Anyway,
    /// Unless something has become of it since: it may just have succeeded, which counts.
    AsSeen,
}

/// Another controller acts on it.
pub fn is_foreign(job: &Job) -> bool {
    !job.spec.managed_by.is_empty() && &*job.spec.managed_by != MANAGER
}

impl Reconcile for Jobs {
    type Key = Subject;
    type Error = kube::Error;

    async fn reconcile(&self, subject: &Subject, writer: &Writer) -> Result<Next, kube::Error> {
        match subject {
            Subject::Pod(key) => self.let_go(key, writer).await,
            Subject::Job(key) => match self.jobs.get(key).filter(|job| !is_foreign(job)) {
                Some(job) => self.step(&job, writer).await,
                None => Ok(Next::Settled),
            },
        }
    }
}

impl Jobs {
    async fn step(&self, job: &Job, writer: &Writer) -> Result<Next, kube::Error> {
        let (key, now) = (job.metadata.key(), Timestamp::now());
        let claimed = claim::claim(job, &claim::candidates(job, &self.pods), |_| true);
        if claimed.settle(job, writer).await? {
            self.track(&claimed.adopt, writer).await?;
        }
        if !claimed.adopt.is_empty() {
            // They count when they are seen to be the job's.
            return Ok(Next::Settled);
        }
        let pods = claimed.owned;
        let failures = self.failures(job, &pods, now);
        let plan = plan(&Observed { job, pods: &pods, failures: &failures, now });
        let failed = self.act(job, &plan, writer).await.err();
        let mut status = plan.status.clone();
        if failed.is_some() {
            as_it_was(&mut status, &pods);
        }
        if status != job.status {
            let patch = Patch::Merge(status::patch(job, &status));
            match writer.patch_status::<Job>(&key, &patch).await {
                Ok(_) => plan.events.iter().for_each(|said| {
                    let kind = if said.warning { EventType::Warning } else { EventType::Normal };
                    self.events.event(Regarding::object(job), kind, &said.reason, &*said.message);
                }),
                Err(error) if is_gone(&error) => return Ok(Next::Settled),
                Err(error) => return Err(error),
            }
        }
        self.release(&plan.finish, Release::Anyway, writer).await?;
        match (failed, plan.again_in) {
            (Some(failure), _) => Err(failure.error),
            // Timestamps have no fraction: a moment later all of them have come.
            (None, Some(wait)) => Ok(Next::After(wait.unsigned_abs() + std::time::Duration::from_millis(20))),
            (None, None) => Ok(Next::Settled),
        }
    }

    /// What is known of its failures, with what can be seen now.
    fn failures(&self, job: &Job, pods: &[Arc<Pod>], now: Timestamp) -> Failures {
        let mut all = self.failures.lock();
        if job.end().is_some() {
            all.remove(&job.metadata.uid);
            return Failures::default();
        }
        let failures = all.entry(job.metadata.uid.clone()).or_default();
        failures.see(job, pods, now);
        failures.clone()
    }

    fn forget(&self, job: &Job) {
        self.failures.lock().remove(&job.metadata.uid);
    }

    async fn act(&self, job: &Job, plan: &Plan, writer: &Writer) -> Result<(), batches::Failure> {
        if let Err(error) = self.release(&plan.dismiss, Release::AsSeen, writer).await {
            let message = error.to_string();
            return Err(batches::Failure { reason: "FailedDelete", message, error });
        }
        batches::delete(job, &plan.dismiss, writer, &self.events).await?;
        batches::delete(job, &plan.delete, writer, &self.events).await?;
        batches::create(job, plan.create.len(), |nth| body(job, &plan.create[nth]), writer, &self.events).await
    }

    /// Takes the finalizer off pods that are counted, or that shall not be.
    async fn release(&self, pods: &[Arc<Pod>], when: Release, writer: &Writer) -> Result<(), kube::Error> {
        let tracked: Vec<Arc<Pod>> = pods.iter().filter(|pod| is_tracked(pod)).cloned().collect();
        stream::iter(tracked.into_iter().map(Ok))
            .try_for_each_concurrent(IN_FLIGHT, |pod| async move {
                let mut patch =
                    json!({"metadata": {"uid": &*pod.meta().uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER]}});
                if when == Release::AsSeen {
                    patch["metadata"]["resourceVersion"] = json!(pod.meta().resource_version.to_string());
                }
                match writer.patch::<Pod>(&pod.meta().key(), &Patch::Strategic(patch)).await {
                    Err(error) if !is_gone(&error) => Err(error),
                    _ => Ok(()),
                }
            })
            .await
    }

    /// Adopted pods are counted as well.
    async fn track(&self, pods: &[Arc<Pod>], writer: &Writer) -> Result<(), kube::Error> {
        for pod in pods.iter().filter(|pod| !is_tracked(pod)) {
            let patch = json!({"metadata": {"uid": &*pod.meta().uid, "finalizers": [FINALIZER]}});
            match writer.patch::<Pod>(&pod.meta().key(), &Patch::Strategic(patch)).await {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Not all was created or deleted: the numbers are those that were seen, and the end is not yet.
fn as_it_was(status: &mut JobStatus, pods: &[Arc<Pod>]) {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let active = || pods.iter().filter(|pod| pod.is_active());
    status.active = number(active().count());
    status.ready = Some(number(active().filter(|pod| pod.is_ready()).count()));
    status.terminating = Some(number(pods.iter().filter(|pod| pod.meta().is_deleting() && !pod.is_finished()).count()));
}
