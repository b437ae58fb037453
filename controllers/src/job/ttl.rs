//! Finished jobs that ask for it are deleted after a while, with their pods.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube::api::DeleteParams;
use timonier_client::{Informer, Next, Object, ObjectKey, Reconcile, Runner, Writer};
use tokio_util::sync::CancellationToken;

use crate::{ground::Ground, objects::Job};

pub async fn start(ground: Arc<Ground>, shutdown: CancellationToken) {
    let jobs = ground.copies.jobs();
    let asks = |job: &Job| job.spec.ttl_seconds_after_finished.is_some() && job.end().is_some();
    Runner::new("ttl-after-finished", ground.client.clone(), Arc::new(OldJobs { jobs: jobs.clone() }))
        .primary(&jobs, move |job| asks(job).then(|| job.meta().key()))
        .run(shutdown)
        .await;
}

pub struct OldJobs {
    jobs: Informer<Job>,
}

impl Reconcile for OldJobs {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(left) = self.jobs.get(key).and_then(|job| expires_in(&job, Timestamp::now())) else {
            return Ok(Next::Settled);
        };
        if left.is_positive() {
            return Ok(Next::After(left.unsigned_abs() + Duration::from_millis(20)));
        }
        // It may have been given more time that our copy does not know of.
        let Some(live) = writer.read::<Job>(key).await? else { return Ok(Next::Settled) };
        if expires_in(&live, Timestamp::now()).is_none_or(|left| left.is_positive()) {
            return Ok(Next::Settled);
        }
        writer.delete(&Job::RESOURCE, key, &live.metadata.uid, DeleteParams::foreground()).await?;
        Ok(Next::Settled)
    }
}

/// How long a finished job has left; None when it may stay, or goes already.
fn expires_in(job: &Job, now: Timestamp) -> Option<SignedDuration> {
    let ttl = job.spec.ttl_seconds_after_finished.filter(|_| !job.metadata.is_deleting())?;
    let finished = job.end()?.last_transition_time?;
    Some(SignedDuration::from_secs(ttl) - now.duration_since(finished))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(job: Value, expect: Option<i64>) {
        let job: Job = serde_json::from_value(job).expect("a job");
        let now = Timestamp::from_second(1_000_000).expect("a time");
        assert_eq!(expires_in(&job, now).map(|left| left.as_secs()), expect);
    }

    #[test]
    fn only_finished_jobs_that_ask_for_it_expire_and_by_when_they_finished() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time").to_string();
        let job = |ttl: Value, kind: &str, status: &str| {
            json!({"metadata": {"name": "j"}, "spec": {"ttlSecondsAfterFinished": ttl},
                "status": {"conditions": [{"type": kind, "status": status, "lastTransitionTime": at(999_990)}]}})
        };
        check(job(json!(30), "Complete", "True"), Some(20));
        check(job(json!(0), "Failed", "True"), Some(-10));
        check(job(json!(null), "Complete", "True"), None);
        check(job(json!(30), "Complete", "False"), None);
        check(job(json!(30), "FailureTarget", "True"), None);
        let mut going = job(json!(30), "Complete", "True");
        going["metadata"]["deletionTimestamp"] = json!(at(999_999));
        check(going, None);
    }
}
