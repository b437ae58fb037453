//! What a job does next. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use timonier_client::Object;

use super::{
    backoff::Failures,
    count::{self, count},
    end::{End, deadline_in, decide},
    manage::{self, Managed},
    pod::{Creation, is_tracked},
};
use crate::objects::{Condition, ConditionStatus, Job, JobStatus, Pod, condition, whole_seconds};

pub const SUSPENDED: &str = "Suspended";

pub struct Observed<'a> {
    pub job: &'a Job,
    /// The pods that it controls.
    pub pods: &'a [Arc<Pod>],
    pub failures: &'a Failures,
    pub now: Timestamp,
}

/// Something to tell: a reason and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub warning: bool,
    pub reason: Arc<str>,
    pub message: Arc<str>,
}

#[derive(Debug, Default)]
pub struct Plan {
    pub create: Vec<Creation>,
    /// They end, and what they achieved does not count.
    pub dismiss: Vec<Arc<Pod>>,
    /// They end with the job, and count.
    pub delete: Vec<Arc<Pod>>,
    /// The status once pods are created and deleted.
    pub status: JobStatus,
    /// They let go of the finalizer when the status is written.
    pub finish: Vec<Arc<Pod>>,
    pub events: Vec<Said>,
    pub again_in: Option<SignedDuration>,
}

pub fn plan(observed: &Observed) -> Plan {
    let Observed { job, pods, failures, now } = observed;
    if job.end().is_some() {
        // Whatever pods it has are nobody's to count any more.
        let finish = pods.iter().filter(|pod| is_tracked(pod)).cloned().collect();
        return Plan { status: job.status.clone(), finish, ..Plan::default() };
    }
    let indexes = count::indexes(job, pods);
    let awaiting = manage::awaiting_successor(job, pods, &indexes, *now);
    let counted = count(job, pods, &awaiting);
    let active: Vec<Arc<Pod>> = pods.iter().filter(|pod| pod.is_active()).cloned().collect();
    let terminating = pods.iter().filter(|pod| pod.meta().is_deleting() && !pod.is_finished()).count();
    let mut end = decide(job, pods, &counted, *now);
    let mut plan = Plan::default();
    // Who has failed for the last time waits for no successor.
    let counted = if end.is_some() { count(job, pods, &BTreeMap::new()) } else { counted };
    if end.is_some() {
        plan.delete = active.iter().filter(|_| !job.metadata.is_deleting()).cloned().collect();
    } else if !job.metadata.is_deleting() {
        let Managed { create, delete, again_in } = manage::manage(job, pods, &counted, &awaiting, failures, *now);
        (plan.create, plan.dismiss, plan.again_in) = (create, delete, again_in);
        let left = active.len() - plan.dismiss.len() + plan.create.len();
        if left == 0 && is_complete(job, counted.succeeded) {
            end = Some(End::completed());
        }
    }
    let gone = || plan.delete.iter().chain(&plan.dismiss);
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let ready = active.iter().filter(|pod| pod.is_ready()).count() - gone().filter(|pod| pod.is_ready()).count();
    let mut status = counted.status;
    status.active = number(active.len() - gone().count() + plan.create.len());
    status.ready = Some(number(ready));
    status.terminating = Some(number(terminating + gone().count()));
    if status.start_time.is_none() && !job.is_suspended() {
        status.start_time = Some(whole_seconds(*now));
    }
    match &end {
        Some(end) => {
            let nothing_left = !counted.left
                && status.uncounted_terminated_pods.is_empty()
                && status.active == 0
                && status.terminating == Some(0);
            conclude(&mut status, end, nothing_left, *now, &mut plan.events);
            if end.success && nothing_left {
                too_many_succeeded(job, counted.succeeded, &mut plan.events);
            }
        }
        None if !job.metadata.is_deleting() => suspend_or_resume(job, &mut status, *now, &mut plan.events),
        None => {}
    }
    if end.is_none()
        && let Some(left) = deadline_in(job, *now)
    {
        plan.again_in = Some(plan.again_in.map_or(left, |other| other.min(left)));
    }
    plan.finish = counted.finish;
    plan.status = status;
    plan
}

fn is_complete(job: &Job, succeeded: i64) -> bool {
    match job.spec.completions {
        // A success ends it, when whoever still runs has ended too.
        None => succeeded > 0,
        Some(completions) => succeeded >= i64::from(completions),
    }
}

/// First it is said what is to come, then, when nothing runs or waits to be counted, that it is there.
fn conclude(status: &mut JobStatus, end: &End, nothing_left: bool, now: Timestamp, events: &mut Vec<Said>) {
    let (coming, there) = end.conditions();
    let mut set = |kind: &str| {
        set_condition(status, kind, ConditionStatus::True, &end.reason, &end.message, now);
    };
    set(coming);
    if !nothing_left {
        return;
    }
    set(there);
    if end.success {
        status.completion_time = Some(whole_seconds(now));
        events.push(Said { warning: false, reason: "Completed".into(), message: "Job completed".into() });
    } else {
        events.push(Said { warning: true, reason: end.reason.clone(), message: end.message.clone() });
    }
}

fn too_many_succeeded(job: &Job, succeeded: i64, events: &mut Vec<Said>) {
    if job.spec.completions.is_some_and(|completions| succeeded > i64::from(completions)) {
        let message = "Too many succeeded pods running after completion count reached";
        events.push(Said { warning: true, reason: "TooManySucceededPods".into(), message: message.into() });
    }
}

fn suspend_or_resume(job: &Job, status: &mut JobStatus, now: Timestamp, events: &mut Vec<Said>) {
    let mut say = |reason: &str, message: &str| {
        events.push(Said { warning: false, reason: reason.into(), message: message.into() });
    };
    if job.is_suspended() && !job.is(SUSPENDED) {
        set_condition(status, SUSPENDED, ConditionStatus::True, &"JobSuspended".into(), &"Job suspended".into(), now);
        say("Suspended", "Job suspended");
    } else if !job.is_suspended() && job.is(SUSPENDED) {
        set_condition(status, SUSPENDED, ConditionStatus::False, &"JobResumed".into(), &"Job resumed".into(), now);
        // The deadline counts from here.
        status.start_time = Some(whole_seconds(now));
        say("Resumed", "Job resumed");
    }
}

fn set_condition(
    status: &mut JobStatus,
    kind: &str,
    to: ConditionStatus,
    reason: &Arc<str>,
    message: &Arc<str>,
    now: Timestamp,
) {
    if condition(&status.conditions, kind).is_some_and(|there| there.status == to) {
        return;
    }
    status.conditions.retain(|there| &*there.kind != kind);
    status.conditions.push(Condition {
        kind: kind.into(),
        status: to,
        last_transition_time: Some(whole_seconds(now)),
        reason: reason.clone(),
        message: message.clone(),
        ..Condition::default()
    });
}
