//! Which pods a job that goes on is short of, and which are too many. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use timonier_client::Object;

use super::{
    backoff::{self, Failures},
    count::{Counted, completions},
    indexes::Indexes,
    pod::{Creation, failures_before, finished_at, has_failed, index_of, is_tracked},
    policies::{Verdict, verdict},
};
use crate::{
    objects::{Job, Pod},
    pods::preference::{NodeCrowd, prefer_to_delete},
};

/// Pods created or deleted in one step.
const MOST_AT_ONCE: usize = 500;

#[derive(Debug, Default)]
pub struct Managed {
    pub create: Vec<Creation>,
    pub delete: Vec<Arc<Pod>>,
    /// When a pod may be created again.
    pub again_in: Option<SignedDuration>,
}

/// The failed pods, by index, that say how often their index has failed, and whose successor is not there yet.
pub fn awaiting_successor(
    job: &Job,
    pods: &[Arc<Pod>],
    indexes: &(Indexes, Indexes),
    now: Timestamp,
) -> BTreeMap<u32, Arc<Pod>> {
    let mut awaiting: BTreeMap<u32, Arc<Pod>> = BTreeMap::new();
    if job.spec.backoff_limit_per_index.is_none() {
        return awaiting;
    }
    let active: BTreeSet<u32> = pods.iter().filter(|pod| pod.is_active()).filter_map(|pod| index_of(pod)).collect();
    let named = &job.status.uncounted_terminated_pods.failed;
    for pod in pods.iter().filter(|pod| is_tracked(pod) && has_failed(pod, job) && !named.contains(&pod.meta().uid)) {
        let Some(index) = index_of(pod).filter(|index| *index < completions(job)) else { continue };
        if indexes.0.contains(index) || indexes.1.contains(index) || active.contains(&index) {
            continue;
        }
        let rank = |pod: &Pod| {
            let (failures, ignored) = failures_before(pod);
            (failures.saturating_add(ignored), finished_at(pod, now))
        };
        let newer = awaiting.get(&index).is_none_or(|held| rank(held) <= rank(pod));
        if newer {
            awaiting.insert(index, pod.clone());
        }
    }
    awaiting
}

pub fn manage(
    job: &Job,
    pods: &[Arc<Pod>],
    counted: &Counted,
    awaiting: &BTreeMap<u32, Arc<Pod>>,
    failures: &Failures,
    now: Timestamp,
) -> Managed {
    let active: Vec<Arc<Pod>> = pods.iter().filter(|pod| pod.is_active()).cloned().collect();
    let wanted = wanted(job, active.len(), counted.succeeded);
    let surplus = active.len().saturating_sub(wanted);
    let mut delete = too_many(job, &active, surplus, now);
    if !delete.is_empty() {
        delete.truncate(MOST_AT_ONCE);
        return Managed { delete, ..Managed::default() };
    }
    let terminating = || pods.iter().filter(|pod| pod.meta().is_deleting() && !pod.is_finished());
    let in_the_way = if job.replaces_failed_only() { terminating().count() } else { 0 };
    let missing = wanted.saturating_sub(active.len() + in_the_way).min(MOST_AT_ONCE);
    if missing == 0 {
        return Managed::default();
    }
    let per_index = job.spec.backoff_limit_per_index.is_some();
    if !per_index && let Some(wait) = failures.remaining(now) {
        return Managed { again_in: Some(wait), ..Managed::default() };
    }
    if !job.is_indexed() {
        let create = vec![Creation { index: None, failures: None }; missing];
        return Managed { create, ..Managed::default() };
    }
    let mut taken: Vec<u32> = active.iter().filter_map(|pod| index_of(pod)).collect();
    if job.replaces_failed_only() {
        taken.extend(terminating().filter_map(|pod| index_of(pod)));
    }
    let done = counted.succeeded_indexes.union(&counted.failed_indexes).with(taken);
    let mut managed = Managed::default();
    for index in done.missing(completions(job)) {
        if managed.create.len() == missing {
            break;
        }
        let before = per_index.then(|| awaiting.get(&index).map_or((0, 0), |pod| failures_with(job, pod)));
        let wait = awaiting.get(&index).zip(before).and_then(|(pod, (failed, ignored))| {
            backoff::remaining(failed.saturating_add(ignored), finished_at(pod, now), now)
        });
        match wait {
            Some(wait) => managed.again_in = Some(managed.again_in.map_or(wait, |other| other.min(wait))),
            None => managed.create.push(Creation { index: Some(index), failures: before }),
        }
    }
    managed
}

/// Failures of an index, this failed pod's included.
fn failures_with(job: &Job, pod: &Pod) -> (u32, u32) {
    let (failures, ignored) = failures_before(pod);
    match verdict(job, pod) {
        Verdict::Ignore => (failures, ignored.saturating_add(1)),
        _ => (failures.saturating_add(1), ignored),
    }
}

fn wanted(job: &Job, active: usize, succeeded: i64) -> usize {
    let parallelism = i64::from(job.spec.parallelism.unwrap_or(1));
    let wanted = match job.spec.completions {
        _ if job.is_suspended() => 0,
        // After the first success whoever runs goes on, and nobody starts.
        None if succeeded > 0 => return active,
        None => parallelism,
        Some(completions) => (i64::from(completions) - succeeded).min(parallelism),
    };
    usize::try_from(wanted).unwrap_or(0)
}

/// At least `surplus` pods, and of an indexed job all whose index is not theirs alone.
fn too_many(job: &Job, active: &[Arc<Pod>], surplus: usize, now: Timestamp) -> Vec<Arc<Pod>> {
    let mut ordered = active.to_vec();
    prefer_to_delete(&mut ordered, &NodeCrowd::new(), now);
    let mut delete = Vec::new();
    if job.is_indexed() {
        let mut seen = BTreeSet::new();
        let mut alone = Vec::new();
        // The last of its index is the one to keep.
        for pod in ordered.into_iter().rev() {
            match index_of(&pod).filter(|index| *index < completions(job)) {
                Some(index) if seen.insert(index) => alone.push(pod),
                _ => delete.push(pod),
            }
        }
        alone.reverse();
        ordered = alone;
    }
    let more = surplus.saturating_sub(delete.len());
    delete.extend(ordered.into_iter().take(more));
    delete
}
