//! What a ReplicaSet is short of. Pure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use timonier_client::Object;

use crate::{
    objects::{Pod, Replicated},
    pods::{
        claim::{Claimed, claim},
        next_available,
        preference::{NodeCrowd, prefer_to_delete},
    },
};

pub struct Observed<'a, T> {
    pub set: &'a T,
    /// The pods that it controls, and those of its namespace that nobody does.
    pub pods: &'a [Arc<Pod>],
    /// How many active pods of the same owner run on each node.
    pub crowd: &'a NodeCrowd,
    pub now: Timestamp,
}

#[derive(Default)]
pub struct Plan {
    pub claimed: Claimed,
    pub create: usize,
    /// In the order of preference.
    pub delete: Vec<Arc<Pod>>,
    /// The pods that count, adopted ones included.
    pub active: Vec<Arc<Pod>>,
    /// Deleted pods that are still ending.
    pub terminating: usize,
    /// When the next pod will have been ready for long enough.
    pub available_in: Option<SignedDuration>,
}

pub fn plan<T: Replicated>(observed: &Observed<'_, T>) -> Plan {
    let Observed { set, pods, crowd, now } = observed;
    let orphan_that_ended = |pod: &Pod| pod.meta().controller().is_none() && !pod.is_active();
    let claimed = claim(*set, pods.iter().filter(|pod| !orphan_that_ended(pod)), |_| true);
    let mut plan = Plan { claimed, ..Plan::default() };
    for pod in &plan.claimed.owned {
        if pod.is_active() {
            plan.active.push(pod.clone());
        } else if pod.metadata.is_deleting() && !pod.is_finished() {
            plan.terminating += 1;
        }
    }
    plan.available_in = next_available(&plan.active, set.spec().min_ready_seconds, *now);
    // What is being deleted loses its pods to the garbage collector, not to us.
    if set.meta().is_deleting() {
        return plan;
    }
    let wanted = usize::try_from(set.spec().replicas).unwrap_or(0);
    let there = plan.active.len();
    plan.create = wanted.saturating_sub(there);
    if there > wanted {
        let mut candidates = plan.active.clone();
        if wanted > 0 {
            prefer_to_delete(&mut candidates, crowd, *now);
        }
        candidates.truncate(there - wanted);
        plan.delete = candidates;
    }
    plan
}
