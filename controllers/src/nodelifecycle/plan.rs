//! What to do about nodes that are silent or not ready. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use timonier_client::Object;

use super::{
    hearing::Hearing,
    taints::{NO_EXECUTE, NOT_READY, UNREACHABLE, of_ready},
    zones::{Limiter, Zone, rates, zone},
};
use crate::{
    flags::NodeFlags,
    objects::{ConditionStatus, Node},
    vigil::Sighting,
};

/// The conditions that only a node itself can vouch for.
pub const VOUCHED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub struct State {
    pub hearing: Hearing,
    limiters: HashMap<Zone, Limiter>,
    /// Nobody at all was well the last time.
    disrupted: bool,
}

#[derive(Debug, Default)]
pub struct Plan {
    /// Nodes of which nothing is known any more.
    pub unknown: Vec<Arc<Node>>,
    /// Nodes whose pods are not ready, whatever they last said.
    pub unready_pods: Vec<Arc<str>>,
    /// Nodes that pods shall leave, with the taint that makes them.
    pub evict: Vec<(Arc<Node>, &'static str)>,
    /// Nodes that pods shall not leave for now.
    pub spare: Vec<Arc<Node>>,
}

pub fn plan(state: &mut State, sighting: &Sighting, nodes: &[Arc<Node>], flags: &NodeFlags) -> Plan {
    let now = sighting.moment.at;
    let grace = flags.node_monitor_grace_period;
    state.hearing.take(sighting, nodes);

    // When all fall silent they do so within one heartbeat, long before the first is late.
    let nobody_heard = state.hearing.all_silent_for(now) > grace / 2;
    let rates = rates(nodes, flags).filter(|_| !nobody_heard);
    let was_disrupted = std::mem::replace(&mut state.disrupted, rates.is_none());
    if was_disrupted && rates.is_some() {
        state.hearing.forgive(now);
    }
    let mut plan = Plan::default();
    let mut leaving: Vec<(Duration, &Arc<Node>, &'static str)> = Vec::new();
    for node in nodes {
        let silence = state.hearing.silent_for(&node.meta().name, now);
        let late = silence >= grace;
        let known = |kind: &&str| node.condition(kind).is_none_or(|c| c.status != ConditionStatus::Unknown);
        if late && VOUCHED.iter().any(known) {
            plan.unknown.push(node.clone());
        }
        let tainted = [NOT_READY, UNREACHABLE].iter().any(|key| node.has_taint(key, NO_EXECUTE));
        if rates.is_none() {
            if tainted {
                plan.spare.push(node.clone());
            }
            continue;
        }
        if late {
            plan.unready_pods.push(node.meta().name.clone());
        }
        // Who is unknown but not late by our own hearing gets the time to come back.
        let trouble = if late { Some(UNREACHABLE) } else { of_ready(node.ready()).filter(|key| *key == NOT_READY) };
        if let (Some(key), false) = (trouble, tainted) {
            leaving.push((silence, node, key));
        }
    }
    if let Some(rates) = rates {
        plan.evict = within(&mut state.limiters, &rates, leaving, now);
    }
    plan
}

/// As many as their zones' rates allow, the longest silent first.
fn within(
    limiters: &mut HashMap<Zone, Limiter>,
    rates: &BTreeMap<Zone, f64>,
    mut leaving: Vec<(Duration, &Arc<Node>, &'static str)>,
    now: Duration,
) -> Vec<(Arc<Node>, &'static str)> {
    limiters.retain(|zone, _| rates.contains_key(zone));
    leaving.sort_by_key(|(silence, ..)| std::cmp::Reverse(*silence));
    let passes = |node: &Node| {
        let zone = zone(node);
        let rate = rates.get(&zone).copied().unwrap_or(0.0);
        limiters.entry(zone).or_insert_with(|| Limiter::new(now)).pass(now, rate)
    };
    let mut passes = passes;
    leaving.into_iter().filter(|(_, node, _)| passes(node)).map(|(_, node, key)| (node.clone(), key)).collect()
}
