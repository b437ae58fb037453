//! Counting pods that have ended: each once, whatever is repeated or lost. Pure.
//!
//! A pod holds the job's finalizer until it is counted, so it cannot vanish before. Its uid is written into the job's
//! status first; then it lets go of the finalizer; only when it has is it a number there and no longer a name. An
//! indexed job needs no names of successes: an index is counted once by itself.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use timonier_client::Object;

use super::{
    indexes::Indexes,
    pod::{failures_before, has_failed, has_succeeded, index_of, is_tracked},
    policies::{Verdict, verdict},
};
use crate::objects::{Job, JobStatus, Pod};

/// Names in the status at a time, so that it stays small.
const MOST_UNCOUNTED: usize = 500;

#[derive(Debug, Default)]
pub struct Counted {
    /// What the status is to say, with as many new names as have room.
    pub status: JobStatus,
    /// Pods that may let go of the finalizer once the status is written.
    pub finish: Vec<Arc<Pod>>,
    /// All successes and failures that can be seen, those without room included.
    pub succeeded: i64,
    pub failed: i64,
    pub succeeded_indexes: Indexes,
    pub failed_indexes: Indexes,
    /// Pods that wait for their count.
    pub left: bool,
}

/// Below how many an index of the job is; 0 when it has none.
pub fn completions(job: &Job) -> u32 {
    if job.is_indexed() { job.spec.completions.and_then(|count| u32::try_from(count).ok()).unwrap_or(0) } else { 0 }
}

/// Indexes that have succeeded, and those that may not be tried again.
pub fn indexes(job: &Job, pods: &[Arc<Pod>]) -> (Indexes, Indexes) {
    let completions = completions(job);
    let valid = |pod: &Pod| index_of(pod).filter(|index| *index < completions);
    let tracked = || pods.iter().filter(|pod| is_tracked(pod));
    let succeeded = Indexes::parse(&job.status.completed_indexes, completions)
        .with(tracked().filter(|pod| has_succeeded(pod)).filter_map(|pod| valid(pod)));
    let failed = Indexes::parse(job.status.failed_indexes.as_deref().unwrap_or_default(), completions)
        .with(tracked().filter(|pod| fails_index(job, pod)).filter_map(|pod| valid(pod)));
    (succeeded, failed)
}

/// With this pod its index has failed for good.
fn fails_index(job: &Job, pod: &Pod) -> bool {
    let Some(limit) = job.spec.backoff_limit_per_index else { return false };
    if !has_failed(pod, job) {
        return false;
    }
    match verdict(job, pod) {
        Verdict::Ignore => false,
        Verdict::FailIndex => true,
        _ => i64::from(failures_before(pod).0) >= i64::from(limit),
    }
}

/// `waiting`: failed pods whose number of tries nobody else knows yet.
pub fn count(job: &Job, pods: &[Arc<Pod>], waiting: &BTreeMap<u32, Arc<Pod>>) -> Counted {
    let completions = completions(job);
    let mut counted = Counted { status: job.status.clone(), ..Counted::default() };
    let tracked: Vec<&Arc<Pod>> = pods.iter().filter(|pod| is_tracked(pod)).collect();
    let names: HashSet<&str> = tracked.iter().map(|pod| &*pod.meta().uid).collect();
    let status = &mut counted.status;
    let known = std::mem::take(&mut status.uncounted_terminated_pods);
    let known_names: HashSet<Arc<str>> = known.succeeded.iter().chain(&known.failed).cloned().collect();
    let settle = |uids: Vec<Arc<str>>, number: &mut i32| {
        let (still, gone): (Vec<_>, Vec<_>) = uids.into_iter().partition(|uid| names.contains(&**uid));
        *number = number.saturating_add(i32::try_from(gone.len()).unwrap_or(i32::MAX));
        still
    };
    let mut uncounted = crate::objects::Uncounted {
        succeeded: settle(known.succeeded, &mut status.succeeded),
        failed: settle(known.failed, &mut status.failed),
    };
    (counted.succeeded, counted.failed) = (
        i64::from(status.succeeded) + uncounted.succeeded.len() as i64,
        i64::from(status.failed) + uncounted.failed.len() as i64,
    );
    let mut new_indexes = Vec::new();
    for pod in tracked {
        let uid = &pod.meta().uid;
        if known_names.contains(uid) {
            counted.finish.push(pod.clone());
            counted.left = true;
            continue;
        }
        let (succeeded, failed) = (has_succeeded(pod), has_failed(pod, job));
        let goes_with_job = job.metadata.is_deleting() && pod.meta().is_deleting();
        if !succeeded && !failed && !goes_with_job {
            continue;
        }
        counted.left = true;
        let index = index_of(pod).filter(|index| *index < completions);
        // A pod without a valid index is none of the job's work.
        let counts = !job.is_indexed() || index.is_some();
        let counts = counts && (succeeded || verdict(job, pod) != Verdict::Ignore);
        if counts && succeeded {
            counted.succeeded += 1;
        } else if counts {
            counted.failed += 1;
        }
        if index.and_then(|index| waiting.get(&index)).is_some_and(|held| held.meta().uid == *uid) {
            continue;
        }
        let names = uncounted.succeeded.len() + uncounted.failed.len() + new_indexes.len();
        if names >= MOST_UNCOUNTED {
            continue;
        }
        counted.finish.push(pod.clone());
        match (counts, succeeded, index) {
            (true, true, Some(index)) => new_indexes.push(index),
            (true, true, None) => uncounted.succeeded.push(uid.clone()),
            (true, false, _) => uncounted.failed.push(uid.clone()),
            (false, ..) => {}
        }
    }
    status.uncounted_terminated_pods = uncounted;
    if job.is_indexed() {
        let before = Indexes::parse(&job.status.completed_indexes, completions);
        let written = before.with(new_indexes);
        status.succeeded = i32::try_from(written.total()).unwrap_or(i32::MAX);
        status.completed_indexes = written.to_string().into();
        let (succeeded, failed) = indexes(job, pods);
        counted.succeeded = succeeded.total() as i64;
        status.failed_indexes = job.spec.backoff_limit_per_index.map(|_| failed.to_string().into());
        (counted.succeeded_indexes, counted.failed_indexes) = (succeeded, failed);
    }
    counted
}
