//! The next steps of a StatefulSet. Pure: everything they depend on is in [`Observed`].
//!
//! Replicas come up from the lowest ordinal and each waits for those before it, then what is too much goes from the
//! highest down, then what has an old template. A parallel set waits for nobody, but rolls as carefully.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    identity::{claim_names, missing_labels, ordinal, pod_name, revision_of},
    retention::{is_stale, owners_of, policy},
};
use crate::{
    objects::{Claim, Pod, Round, StatefulSet},
    pods::next_available,
};

/// The set's claims by name.
pub type Claims = BTreeMap<Arc<str>, Arc<Claim>>;

pub struct Observed<'a> {
    pub set: &'a StatefulSet,
    /// The pods that are its own.
    pub pods: &'a [Arc<Pod>],
    pub claims: &'a Claims,
    /// Names of the revisions that pods below the partition, and all others, are made of.
    pub current: &'a str,
    pub update: &'a str,
    pub now: Timestamp,
}

#[derive(Debug, Clone)]
pub enum Action {
    CreateClaim {
        ordinal: i32,
        name: String,
    },
    /// Give the claim these owner references.
    OwnClaim {
        claim: Arc<Claim>,
        owners: Vec<Value>,
    },
    /// Its claims come first.
    CreatePod {
        ordinal: i32,
        revision: String,
    },
    /// Give the pod the labels that it lacks.
    Identify {
        pod: Arc<Pod>,
        labels: Value,
    },
    DeletePod(Arc<Pod>),
}

#[derive(Debug, Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// When the next pod will have been ready for long enough.
    pub available_in: Option<SignedDuration>,
}

/// An ordinal that is wanted, and its pod.
type Replica<'a> = (i32, Option<&'a Arc<Pod>>);

/// Whether a step leaves the rest to a later plan.
#[derive(PartialEq)]
enum Step {
    Go,
    Wait,
}

pub fn plan(observed: &Observed) -> Plan {
    let Observed { set, pods, now, .. } = observed;
    let mut plan = Plan { available_in: next_available(pods, set.spec.min_ready_seconds, *now), ..Plan::default() };
    if set.metadata.is_deleting() {
        return plan;
    }
    let (replicas, condemned) = sort(set, pods);
    if place(observed, &replicas, &mut plan.actions) == Step::Wait {
        return plan;
    }
    for (ordinal, pod) in &condemned {
        claims_of(observed, *ordinal, Some(pod), true, &mut plan.actions);
    }
    if shrink(observed, &replicas, &condemned, &mut plan.actions) == Step::Wait || !set.rolls() {
        return plan;
    }
    roll(observed, &replicas, &mut plan.actions);
    plan
}

/// The pods by ordinal: those wanted, ascending, with gaps, and those that are too many, descending.
fn sort<'a>(set: &StatefulSet, pods: &'a [Arc<Pod>]) -> (Vec<Replica<'a>>, Vec<(i32, &'a Arc<Pod>)>) {
    let start = set.spec.ordinals.start;
    let wanted = start..start.saturating_add(set.spec.replicas);
    let named = pods.iter().filter_map(|pod| Some((ordinal(&set.metadata.name, &pod.metadata.name)?, pod)));
    let (mut there, mut condemned) = (BTreeMap::new(), Vec::new());
    for (ordinal, pod) in named {
        if wanted.contains(&ordinal) {
            there.insert(ordinal, pod);
        } else {
            condemned.push((ordinal, pod));
        }
    }
    condemned.sort_by_key(|(ordinal, _)| std::cmp::Reverse(*ordinal));
    (wanted.map(|ordinal| (ordinal, there.get(&ordinal).copied())).collect(), condemned)
}

fn is_running_and_ready(pod: &Pod) -> bool {
    pod.is_running() && pod.is_ready()
}

fn is_available(pod: &Pod, observed: &Observed) -> bool {
    let wait = pod.available_in(observed.set.spec.min_ready_seconds, observed.now);
    is_running_and_ready(pod) && wait.is_some_and(|wait| wait.is_zero())
}

/// It serves, and will go on to.
fn counts(pod: &Pod, observed: &Observed) -> bool {
    is_available(pod, observed) && !pod.metadata.is_deleting()
}

/// Sees to it that each ordinal has its pod.
fn place(observed: &Observed, replicas: &[Replica], actions: &mut Vec<Action>) -> Step {
    let set = observed.set;
    let ordered = !set.is_parallel();
    for (ordinal, pod) in replicas {
        let step = match pod {
            None => create(observed, *ordinal, actions),
            // It is made anew when it is gone.
            Some(pod) if pod.is_finished() => {
                if !pod.metadata.is_deleting() {
                    actions.push(Action::DeletePod((*pod).clone()));
                }
                Step::Wait
            }
            Some(pod) => {
                if !pod.metadata.is_deleting() {
                    claims_of(observed, *ordinal, Some(pod), false, actions);
                    if let Some(labels) = missing_labels(set, *ordinal, pod) {
                        actions.push(Action::Identify { pod: (*pod).clone(), labels });
                    }
                }
                if counts(pod, observed) { Step::Go } else { Step::Wait }
            }
        };
        if ordered && step == Step::Wait {
            return Step::Wait;
        }
    }
    Step::Go
}

fn create(observed: &Observed, ordinal: i32, actions: &mut Vec<Action>) -> Step {
    let set = observed.set;
    let name = pod_name(set, ordinal);
    let claims = claim_names(set, ordinal);
    let found = || claims.iter().filter_map(|(_, claim)| observed.claims.get(claim.as_str()));
    // What is about to go must be gone before another of its name can be made.
    if found().any(|claim| claim.metadata.is_deleting() || is_stale(set, &name, claim)) {
        return Step::Wait;
    }
    claims_of(observed, ordinal, None, false, actions);
    actions.push(Action::CreatePod { ordinal, revision: revision_for(observed, ordinal).to_owned() });
    Step::Wait
}

/// Pods below the partition stay what they were; without a partition, as many as still are.
fn revision_for<'a>(observed: &Observed<'a>, ordinal: i32) -> &'a str {
    let set = observed.set;
    let place = ordinal - set.spec.ordinals.start;
    let stay = match &set.spec.update_strategy.rolling_update {
        _ if !set.rolls() => 0,
        Some(rolling) => rolling.partition,
        None => set.status.current_replicas,
    };
    if place < stay { observed.current } else { observed.update }
}

/// Makes the claims that an ordinal lacks (of a pod that still waits for them), and says whose they are.
fn claims_of(observed: &Observed, ordinal: i32, pod: Option<&Arc<Pod>>, condemned: bool, actions: &mut Vec<Action>) {
    let set = observed.set;
    let waits = pod.is_none_or(|pod| pod.is_pending());
    for (_, name) in claim_names(set, ordinal) {
        match observed.claims.get(name.as_str()) {
            None if waits && !condemned => actions.push(Action::CreateClaim { ordinal, name }),
            None => {}
            Some(claim) if claim.metadata.is_deleting() => {}
            Some(claim) => {
                let policy = policy(set, condemned);
                if let Some(owners) = owners_of(set, pod.map(|pod| &pod.metadata), policy, claim) {
                    actions.push(Action::OwnClaim { claim: claim.clone(), owners });
                }
            }
        }
    }
}

/// Takes away what is too much, the highest ordinal first.
fn shrink(
    observed: &Observed,
    replicas: &[Replica],
    condemned: &[(i32, &Arc<Pod>)],
    actions: &mut Vec<Action>,
) -> Step {
    let ordered = !observed.set.is_parallel();
    let ascending = replicas.iter().filter_map(|(_, pod)| *pod).chain(condemned.iter().rev().map(|(_, pod)| *pod));
    let first_unavailable = ascending.into_iter().find(|pod| !counts(pod, observed)).map(|pod| &pod.metadata.uid);
    for (_, pod) in condemned {
        // One that ended will not serve again, so that waiting for it would never end.
        let may_go = is_available(pod, observed) || pod.is_finished() || first_unavailable == Some(&pod.metadata.uid);
        if !pod.metadata.is_deleting() && (may_go || !ordered) {
            actions.push(Action::DeletePod((*pod).clone()));
        }
        if ordered {
            return Step::Wait;
        }
    }
    Step::Go
}

/// Takes away pods of an old template, the highest ordinal first, as far as enough others serve. One that does not
/// serve anyway costs nothing.
fn roll(observed: &Observed, replicas: &[Replica], actions: &mut Vec<Action>) {
    let set = observed.set;
    let rolling = set.spec.update_strategy.rolling_update.as_ref();
    let most = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let most = most.map_or(1, |most| most.of(set.spec.replicas, Round::Up).max(1));
    let missing = replicas.iter().filter(|(_, pod)| pod.is_none_or(|pod| !counts(pod, observed))).count();
    let mut budget = usize::try_from(most).unwrap_or(0).saturating_sub(missing);
    let partition = set.spec.ordinals.start.saturating_add(rolling.map_or(0, |rolling| rolling.partition));
    for (_, pod) in replicas.iter().rev().take_while(|(ordinal, _)| *ordinal >= partition) {
        let Some(pod) = pod else { continue };
        if revision_of(pod) == observed.update || pod.metadata.is_deleting() || pod.is_finished() {
            continue;
        }
        if counts(pod, observed) {
            if budget == 0 {
                continue;
            }
            budget -= 1;
        }
        actions.push(Action::DeletePod((*pod).clone()));
    }
}
