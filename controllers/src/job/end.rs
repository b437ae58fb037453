//! When a job has ended, and why. Pure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use timonier_client::Object;

use super::{
    count::{Counted, completions},
    policies::{fail_job, succeeds},
};
use crate::objects::{Condition, Job, Phase, Pod, condition};

/// It will fail, or it will be complete; pods may still have to end.
pub const FAILURE_TARGET: &str = "FailureTarget";
pub const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub success: bool,
    pub reason: Arc<str>,
    pub message: Arc<str>,
}

impl End {
    fn of(success: bool, reason: &str, message: &str) -> End {
        End { success, reason: reason.into(), message: message.into() }
    }

    fn said(success: bool, condition: &Condition) -> End {
        End { success, reason: condition.reason.clone(), message: condition.message.clone() }
    }

    /// All that was asked for has succeeded.
    pub fn completed() -> End {
        End::of(true, "CompletionsReached", "Reached expected number of succeeded pods")
    }

    /// The condition before the end, and that of the end.
    pub fn conditions(&self) -> (&'static str, &'static str) {
        if self.success { (SUCCESS_CRITERIA_MET, "Complete") } else { (FAILURE_TARGET, "Failed") }
    }
}

/// Whether the job ends now, whatever runs of it. What was once decided stands.
pub fn decide(job: &Job, pods: &[Arc<Pod>], counted: &Counted, now: Timestamp) -> Option<End> {
    let said = |kind| condition(&job.status.conditions, kind).filter(|_| job.is(kind));
    if let Some(met) = said(SUCCESS_CRITERIA_MET) {
        return Some(End::said(true, met));
    }
    if let Some(failing) = said(FAILURE_TARGET) {
        return Some(End::said(false, failing));
    }
    if let Some(message) = fail_job(job, pods.iter().map(|pod| &**pod)) {
        return Some(End::of(false, "PodFailurePolicy", &message));
    }
    let limit = job.spec.backoff_limit.unwrap_or(6);
    if counted.failed > i64::from(limit) || restarted_too_often(job, pods, limit) {
        return Some(End::of(false, "BackoffLimitExceeded", "Job has reached the specified backoff limit"));
    }
    if deadline_in(job, now).is_some_and(|left| !left.is_positive()) {
        return Some(End::of(false, "DeadlineExceeded", "Job was active longer than specified deadline"));
    }
    if !job.is_indexed() {
        return None;
    }
    let (succeeded, failed, completions) =
        (&counted.succeeded_indexes, counted.failed_indexes.total(), completions(job));
    let most = job.spec.max_failed_indexes.and_then(|most| usize::try_from(most).ok());
    if most.is_some_and(|most| failed > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(End::of(false, "MaxFailedIndexesExceeded", message));
    }
    if failed > 0 && failed + succeeded.total() >= completions as usize {
        return Some(End::of(false, "FailedIndexes", "Job has failed indexes"));
    }
    let message = succeeds(job.spec.success_policy.as_ref(), completions, succeeded)?;
    Some(End::of(true, "SuccessPolicy", &message))
}

/// How much of its active deadline is left.
pub fn deadline_in(job: &Job, now: Timestamp) -> Option<SignedDuration> {
    let seconds = job.spec.active_deadline_seconds.filter(|_| !job.is_suspended())?;
    let start = job.status.start_time?;
    Some(SignedDuration::from_secs(seconds) - now.duration_since(start))
}

/// Where containers are restarted in place, restarts are the failures.
fn restarted_too_often(job: &Job, pods: &[Arc<Pod>], limit: i32) -> bool {
    if job.spec.template.pointer("/spec/restartPolicy").and_then(|policy| policy.as_str()) != Some("OnFailure") {
        return false;
    }
    let here = pods.iter().filter(|pod| matches!(pod.status.phase, Phase::Running | Phase::Pending));
    let restarts: i64 = here.filter(|pod| !pod.meta().is_deleting()).map(|pod| i64::from(pod.all_restarts())).sum();
    if limit == 0 { restarts > 0 } else { restarts >= i64::from(limit) }
}
