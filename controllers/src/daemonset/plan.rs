//! Which pods a DaemonSet makes and deletes. Pure: everything it depends on is in [`Observed`].
//!
//! First every node that fits gets its pod and loses what is too much; then pods of an old template give way, as many
//! at a time as the strategy lets be missing, or be there twice.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    body::REVISION,
    fit::{Belongs, Fit},
};
use crate::{
    objects::{DaemonSet, DaemonSetStatus, IntOrPercent, Node, Pod, Round},
    pods::next_available,
};

pub struct Observed<'a> {
    pub set: &'a DaemonSet,
    pub nodes: &'a [Arc<Node>],
    /// The pods that are its own.
    pub pods: &'a [Arc<Pod>],
    /// Of the present template.
    pub hash: &'a str,
    pub now: Timestamp,
}

#[derive(Debug, Default)]
pub struct Plan {
    /// Nodes that get a pod of the present template.
    pub create: Vec<Arc<str>>,
    pub delete: Vec<Arc<Pod>>,
    /// Pods that ended by themselves, with their nodes: they go too, but not at any speed.
    pub ended: Vec<(Arc<str>, Arc<Pod>)>,
    pub counts: DaemonSetStatus,
    /// When the next pod will have been ready for long enough.
    pub available_in: Option<SignedDuration>,
}

/// One node, with the set's pods for it.
struct Place<'a> {
    name: &'a Arc<str>,
    belongs: Belongs,
    /// Oldest first.
    pods: Vec<&'a Arc<Pod>>,
}

pub fn plan(observed: &Observed) -> Plan {
    let Observed { set, nodes, pods, now, .. } = observed;
    let mut plan = Plan { available_in: next_available(pods, set.spec.min_ready_seconds, *now), ..Plan::default() };
    let mut by_node: BTreeMap<&Arc<str>, Vec<&Arc<Pod>>> = BTreeMap::new();
    for pod in *pods {
        if let Some(node) = pod.spec.node_name.as_ref().or(pod.spec.pinned_to.as_ref()) {
            by_node.entry(node).or_default().push(pod);
        }
    }
    let fit = Fit::of(&set.spec.template);
    let places: Vec<Place> = nodes
        .iter()
        .map(|node| {
            let name = &node.metadata.name;
            let mut pods = by_node.remove(name).unwrap_or_default();
            pods.sort_by_key(|pod| (pod.spec.node_name.is_none(), pod.metadata.creation_timestamp, &pod.metadata.name));
            Place { name, belongs: fit.judge(node), pods }
        })
        .collect();
    plan.counts = counts(observed, &places);
    if set.metadata.is_deleting() {
        return plan;
    }
    // Whose node is gone will not be bound any more; those that ran there are the pod garbage collector's.
    let lost =
        by_node.into_values().flatten().filter(|pod| pod.spec.node_name.is_none() && !pod.metadata.is_deleting());
    plan.delete.extend(lost.cloned());
    let surge = amount(
        observed,
        set.spec.update_strategy.rolling_update.max_surge.as_ref(),
        plan.counts.desired_number_scheduled,
    );
    for place in &places {
        manage(observed, place, surge > 0, &mut plan);
    }
    if &*set.spec.update_strategy.kind != "OnDelete" {
        if surge > 0 {
            roll_with_surge(observed, &places, surge, &mut plan);
        } else {
            roll(observed, &places, &mut plan);
        }
    }
    plan
}

fn amount(observed: &Observed, given: Option<&IntOrPercent>, nodes: i32) -> usize {
    let rolls = &*observed.set.spec.update_strategy.kind != "OnDelete";
    let count = given.filter(|_| rolls).map_or(0, |given| given.of(nodes, Round::Up));
    usize::try_from(count).unwrap_or(0)
}

fn is_new(pod: &Pod, observed: &Observed) -> bool {
    pod.metadata.labels.get(REVISION).is_some_and(|hash| hash == observed.hash)
}

fn is_available(pod: &Pod, observed: &Observed) -> bool {
    pod.available_in(observed.set.spec.min_ready_seconds, observed.now).is_some_and(|wait| wait.is_zero())
}

/// What a node lacks, and what it has too much.
fn manage(observed: &Observed, place: &Place, surges: bool, plan: &mut Plan) {
    let staying = || place.pods.iter().filter(|pod| !pod.metadata.is_deleting());
    match place.belongs {
        Belongs::Elsewhere => {
            plan.delete.extend(staying().map(|pod| (*pod).clone()));
            return;
        }
        // One that is ending is waited for.
        Belongs::Here if place.pods.is_empty() => {
            plan.create.push(place.name.clone());
            return;
        }
        _ => {}
    }
    plan.ended.extend(staying().filter(|pod| pod.is_finished()).map(|pod| (place.name.clone(), (*pod).clone())));
    let running: Vec<_> = staying().filter(|pod| !pod.is_finished()).collect();
    if running.len() < 2 {
        return;
    }
    if !surges {
        plan.delete.extend(running[1..].iter().map(|pod| (**pod).clone()));
        return;
    }
    // Two may be there: the oldest of the new, and the oldest of the old until the new one serves.
    let oldest = |new: bool| running.iter().find(|pod| is_new(pod, observed) == new).map(|pod| &pod.metadata.uid);
    let (new, old) = (oldest(true), oldest(false));
    for pod in &running {
        let uid = Some(&pod.metadata.uid);
        let useless = uid == old && new.is_some() && !pod.is_ready();
        if useless || (uid != new && uid != old) {
            plan.delete.push((**pod).clone());
        }
    }
}

type Pair<'a> = (Option<&'a Arc<Pod>>, Option<&'a Arc<Pod>>);

/// The pod of the present template and the one of an old one, if there is at most one of each.
fn pair<'a>(observed: &Observed, place: &Place<'a>, plan: &Plan) -> Option<Pair<'a>> {
    let going: HashSet<_> = plan.delete.iter().map(|pod| &pod.metadata.uid).collect();
    let (mut new, mut old) = (None, None);
    for pod in &place.pods {
        if pod.metadata.is_deleting() || pod.is_finished() || going.contains(&pod.metadata.uid) {
            continue;
        }
        let slot = if is_new(pod, observed) { &mut new } else { &mut old };
        if slot.replace(*pod).is_some() {
            return None;
        }
    }
    Some((new, old))
}

/// Old pods go first, new ones come after: at most as many nodes are without as the strategy says.
fn roll(observed: &Observed, places: &[Place], plan: &mut Plan) {
    let rolling = &observed.set.spec.update_strategy.rolling_update;
    let most = amount(observed, rolling.max_unavailable.as_ref(), plan.counts.desired_number_scheduled).max(1);
    let mut missing = 0;
    let (mut useless, mut candidates) = (Vec::new(), Vec::new());
    for place in places.iter().filter(|place| place.belongs == Belongs::Here) {
        match pair(observed, place, plan) {
            Some((Some(new), None)) if is_available(new, observed) => {}
            Some((None, Some(old))) if is_available(old, observed) => candidates.push(old.clone()),
            // It serves nobody, so nobody misses it.
            Some((None, Some(old))) => {
                missing += 1;
                useless.push(old.clone());
            }
            _ => missing += 1,
        }
    }
    candidates.truncate(most.saturating_sub(missing));
    plan.delete.extend(useless);
    plan.delete.extend(candidates);
}

/// New pods come beside old ones, on so many nodes at a time; an old one goes when the new one serves.
fn roll_with_surge(observed: &Observed, places: &[Place], most: usize, plan: &mut Plan) {
    let mut doubled = 0;
    let (mut useless, mut candidates) = (Vec::new(), Vec::new());
    for place in places.iter().filter(|place| place.belongs == Belongs::Here) {
        match pair(observed, place, plan) {
            None => doubled += 1,
            Some((_, None)) => {}
            Some((None, Some(old))) if is_available(old, observed) => candidates.push(place.name.clone()),
            Some((None, Some(_))) => useless.push(place.name.clone()),
            Some((Some(new), Some(old))) => {
                if is_available(new, observed) {
                    plan.delete.push(old.clone());
                } else {
                    doubled += 1;
                }
            }
        }
    }
    candidates.truncate(most.saturating_sub(doubled));
    plan.create.extend(useless);
    plan.create.extend(candidates);
}

fn counts(observed: &Observed, places: &[Place]) -> DaemonSetStatus {
    let mut counts = DaemonSetStatus {
        observed_generation: observed.set.metadata.generation,
        conditions: observed.set.status.conditions.clone(),
        ..DaemonSetStatus::default()
    };
    for place in places {
        if place.belongs != Belongs::Here {
            counts.number_misscheduled += i32::from(!place.pods.is_empty());
            continue;
        }
        counts.desired_number_scheduled += 1;
        // Of two, the one that serves speaks for the node.
        let speaks = place.pods.iter().find(|pod| is_available(pod, observed)).or(place.pods.first());
        let Some(pod) = speaks else { continue };
        counts.current_number_scheduled += 1;
        counts.number_ready += i32::from(pod.is_ready());
        counts.number_available += i32::from(is_available(pod, observed));
        counts.updated_number_scheduled += i32::from(is_new(pod, observed));
    }
    counts.number_unavailable = counts.desired_number_scheduled - counts.number_available;
    counts
}
