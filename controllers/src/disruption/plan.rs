//! How many pods of a budget may be missing now: a pure count.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use timonier_client::Object;

use crate::objects::{Budget, BudgetStatus, Condition, ConditionStatus, IntOrPercent, Pod, condition, whole_seconds};

/// So long an evicted pod counts as missing although its deletion is not seen.
const DELETION: SignedDuration = SignedDuration::from_secs(120);
const ALLOWED: &str = "DisruptionAllowed";

pub struct Plan {
    pub status: BudgetStatus,
    /// When an eviction that nobody has seen the end of no longer counts.
    pub again_in: Option<SignedDuration>,
}

/// `scales`: the replicas that a pod's controller is to have, by the controller's uid. A controller that is unknown counts
/// as many as it has.
pub fn plan(budget: &Budget, pods: &[Arc<Pod>], scales: &BTreeMap<Arc<str>, i64>, now: Timestamp) -> Plan {
    let (disrupted, again_in) = disrupted(budget, pods, now);
    let healthy = pods
        .iter()
        .filter(|pod| pod.is_ready() && !pod.meta().is_deleting() && !disrupted.contains_key(&*pod.meta().name));
    let healthy = healthy.count() as i64;
    let (expected, desired) = expected(budget, pods, scales);
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let status = BudgetStatus {
        observed_generation: budget.metadata.generation,
        disruptions_allowed: allowed,
        current_healthy: healthy,
        desired_healthy: desired,
        expected_pods: expected,
        disrupted_pods: disrupted,
        conditions: conditions(budget, allowed > 0, now),
    };
    Plan { status, again_in }
}

/// Evictions that were allowed and are still under way.
fn disrupted(
    budget: &Budget,
    pods: &[Arc<Pod>],
    now: Timestamp,
) -> (BTreeMap<String, Timestamp>, Option<SignedDuration>) {
    let (mut kept, mut again_in) = (BTreeMap::new(), None::<SignedDuration>);
    for (name, at) in &budget.status.disrupted_pods {
        let there = pods.iter().any(|pod| *pod.meta().name == **name && !pod.meta().is_deleting());
        let left = (*at + DELETION).duration_since(now);
        if there && left > SignedDuration::ZERO {
            kept.insert(name.clone(), *at);
            again_in = Some(again_in.map_or(left, |known| known.min(left)));
        }
    }
    (kept, again_in)
}

/// How many pods there should be, and how many of them healthy.
fn expected(budget: &Budget, pods: &[Arc<Pod>], scales: &BTreeMap<Arc<str>, i64>) -> (i64, i64) {
    let there = pods.len() as i64;
    match (&budget.spec.max_unavailable, &budget.spec.min_available) {
        (Some(unavailable), _) => {
            let expected = scale(pods, scales);
            (expected, (expected - amount(unavailable, expected)).max(0))
        }
        (None, Some(IntOrPercent::Int(available))) => (there, i64::from(*available)),
        (None, Some(available)) => {
            let expected = scale(pods, scales);
            (expected, amount(available, expected))
        }
        (None, None) => (there, there),
    }
}

/// What all controllers of the pods are to have together.
fn scale(pods: &[Arc<Pod>], scales: &BTreeMap<Arc<str>, i64>) -> i64 {
    let mut by_controller: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    let mut alone = 0;
    for pod in pods {
        match pod.meta().controller() {
            Some(owner) => *by_controller.entry(owner.uid.clone()).or_default() += 1,
            None => alone += 1,
        }
    }
    alone + by_controller.into_iter().map(|(uid, there)| scales.get(&uid).copied().unwrap_or(there)).sum::<i64>()
}

/// A share is rounded up.
fn amount(given: &IntOrPercent, of: i64) -> i64 {
    match given {
        IntOrPercent::Int(count) => i64::from(*count),
        IntOrPercent::Percent(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            (percent * of + 99) / 100
        }
    }
}

fn conditions(budget: &Budget, allowed: bool, now: Timestamp) -> Vec<Condition> {
    let (status, reason) = match allowed {
        true => (ConditionStatus::True, "SufficientPods"),
        false => (ConditionStatus::False, "InsufficientPods"),
    };
    let known = condition(&budget.status.conditions, ALLOWED).filter(|known| known.status == status);
    let since = known.and_then(|known| known.last_transition_time).unwrap_or_else(|| whole_seconds(now));
    let own = Condition {
        kind: ALLOWED.into(),
        status,
        last_transition_time: Some(since),
        reason: reason.into(),
        ..Condition::default()
    };
    let others = budget.status.conditions.iter().filter(|condition| &*condition.kind != ALLOWED).cloned();
    others.chain([own]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn pods(ready: usize, not: usize) -> Vec<Arc<Pod>> {
        let pod = |i: usize| {
            let status = if i < ready { "True" } else { "False" };
            let pod = json!({"metadata": {"name": format!("p{i}"), "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs", "controller": true}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}});
            Arc::new(serde_json::from_value(pod).expect("a pod"))
        };
        (0..ready + not).map(pod).collect()
    }

    fn status(spec: Value, before: Value, pods: &[Arc<Pod>], scale: i64) -> BudgetStatus {
        let budget = json!({"metadata": {"name": "b", "generation": 3}, "spec": spec, "status": before});
        let budget: Budget = serde_json::from_value(budget).expect("a budget");
        let scales = BTreeMap::from([(Arc::from("rs"), scale)]);
        plan(&budget, pods, &scales, NOW.parse().expect("a time")).status
    }

    #[test]
    fn what_may_be_missing_follows_from_what_there_should_be() {
        for (spec, ready, not, scale, expected) in [
            (json!({"minAvailable": 2}), 3, 0, 3, (1, 3, 2, 3)),
            (json!({"minAvailable": 2}), 1, 2, 3, (0, 1, 2, 3)),
            (json!({"minAvailable": "50%"}), 3, 0, 5, (0, 3, 3, 5)),
            (json!({"maxUnavailable": 1}), 3, 0, 3, (1, 3, 2, 3)),
            (json!({"maxUnavailable": 1}), 3, 0, 4, (0, 3, 3, 4)),
            (json!({"maxUnavailable": "30%"}), 10, 0, 10, (3, 10, 7, 10)),
            (json!({"maxUnavailable": 5}), 3, 0, 3, (3, 3, 0, 3)),
            (json!({}), 3, 0, 3, (0, 3, 3, 3)),
            (json!({"minAvailable": 0}), 0, 0, 0, (0, 0, 0, 0)),
        ] {
            let found = status(spec.clone(), json!({}), &pods(ready, not), scale);
            let counts = (found.disruptions_allowed, found.current_healthy, found.desired_healthy, found.expected_pods);
            assert_eq!(counts, expected, "{spec} {ready} {not}");
            assert_eq!(found.observed_generation, 3);
            let reason = if counts.0 > 0 { "SufficientPods" } else { "InsufficientPods" };
            assert_eq!(&*found.conditions[0].reason, reason);
        }
    }

    #[test]
    fn an_evicted_pod_counts_as_missing_until_its_deletion_would_have_been_seen() {
        let before =
            json!({"disruptedPods": {"p0": "2026-01-01T00:00:30Z", "p1": "2025-12-31T23:00:00Z", "gone": NOW}});
        let found = status(json!({"minAvailable": 1}), before, &pods(3, 0), 3);
        assert_eq!(found.disrupted_pods.keys().collect::<Vec<_>>(), ["p0"]);
        assert_eq!((found.current_healthy, found.disruptions_allowed), (2, 1));
    }
}
