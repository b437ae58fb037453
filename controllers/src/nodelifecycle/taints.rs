//! The taints that follow from what a node says of itself, and from what is said about it. Pure.

use jiff::Timestamp;

use crate::objects::{ConditionStatus, Node, Taint};

pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NO_SCHEDULE: &str = "NoSchedule";
pub const NO_EXECUTE: &str = "NoExecute";

/// Conditions that keep pods away while they are True.
const BURDENS: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
];

/// The taint that stands for what Ready says; None for a node that is ready, or has not said anything yet.
pub fn of_ready(ready: Option<ConditionStatus>) -> Option<&'static str> {
    match ready {
        Some(ConditionStatus::False) => Some(NOT_READY),
        Some(ConditionStatus::Unknown) => Some(UNREACHABLE),
        Some(ConditionStatus::True) | None => None,
    }
}

fn is_of_ready(key: &str) -> bool {
    matches!(key, NOT_READY | UNREACHABLE)
}

fn is_of_condition(key: &str) -> bool {
    is_of_ready(key) || key == UNSCHEDULABLE || BURDENS.iter().any(|(_, taint)| *taint == key)
}

/// The node's taints as its conditions want them; None when they are so already.
///
/// Whoever may be evicted is not decided here: `NoExecute` is taken away or renamed, never added.
pub fn by_condition(node: &Node, now: Timestamp) -> Option<Vec<Taint>> {
    let ready = of_ready(node.ready());
    let mut wanted: Vec<&str> = ready.into_iter().collect();
    let is_true = |kind: &str| node.condition(kind).is_some_and(|c| c.status == ConditionStatus::True);
    wanted.extend(BURDENS.iter().filter(|(kind, _)| is_true(kind)).map(|(_, taint)| *taint));
    if node.spec.unschedulable {
        wanted.push(UNSCHEDULABLE);
    }
    let mut taints: Vec<Taint> = Vec::new();
    for taint in &node.spec.taints {
        match (&*taint.effect, &*taint.key) {
            (NO_SCHEDULE, key) if is_of_condition(key) && !wanted.contains(&key) => {}
            (NO_EXECUTE, key) if is_of_ready(key) => match ready {
                Some(ready) if ready == key => taints.push(taint.clone()),
                // What it is kept for has another name now, but not a new beginning.
                Some(ready) if !node.has_taint(ready, NO_EXECUTE) => {
                    taints.push(Taint { key: ready.into(), ..taint.clone() });
                }
                _ => {}
            },
            _ => taints.push(taint.clone()),
        }
    }
    for key in wanted {
        if !taints.iter().any(|taint| taint.is(key, NO_SCHEDULE)) {
            taints.push(taint(key, NO_SCHEDULE, now));
        }
    }
    (taints != node.spec.taints).then_some(taints)
}

/// The node's taints with the one that makes pods leave.
pub fn with_no_execute(node: &Node, key: &str, now: Timestamp) -> Vec<Taint> {
    let mut taints = without_no_execute(node);
    taints.push(taint(key, NO_EXECUTE, now));
    taints
}

/// The node's taints without those that make pods leave a node that is not ready.
pub fn without_no_execute(node: &Node) -> Vec<Taint> {
    let stays = |taint: &&Taint| !(&*taint.effect == NO_EXECUTE && is_of_ready(&taint.key));
    node.spec.taints.iter().filter(stays).cloned().collect()
}

fn taint(key: &str, effect: &str, now: Timestamp) -> Taint {
    Taint { key: key.into(), value: String::new(), effect: effect.into(), time_added: Some(now) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(
        conditions: &[(&str, &str)],
        unschedulable: bool,
        taints: &[(&str, &str)],
        expect: Option<&[(&str, &str)]>,
    ) {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "spec": {
                "unschedulable": unschedulable,
                "taints": taints.iter().map(|(key, effect)| json!({"key": key, "effect": effect})).collect::<Vec<_>>(),
            },
            "status": {"conditions": conditions.iter()
                .map(|(kind, status)| json!({"type": kind, "status": status})).collect::<Vec<_>>()},
        }))
        .expect("a node");
        let found = by_condition(&node, Timestamp::UNIX_EPOCH);
        let found: Option<Vec<(&str, &str)>> =
            found.as_ref().map(|found| found.iter().map(|taint| (&*taint.key, &*taint.effect)).collect());
        assert_eq!(found.as_deref(), expect, "{conditions:?} {taints:?}");
    }

    #[test]
    fn conditions_keep_new_pods_away() {
        check(&[("Ready", "True")], false, &[], None);
        check(&[], false, &[], None);
        check(&[("Ready", "False")], false, &[], Some(&[(NOT_READY, NO_SCHEDULE)]));
        check(&[("Ready", "Unknown")], false, &[], Some(&[(UNREACHABLE, NO_SCHEDULE)]));
        check(&[("Ready", "True")], true, &[], Some(&[(UNSCHEDULABLE, NO_SCHEDULE)]));
        for (kind, taint) in BURDENS {
            check(&[("Ready", "True"), (kind, "True")], false, &[], Some(&[(taint, NO_SCHEDULE)]));
            check(&[("Ready", "True"), (kind, "Unknown")], false, &[(taint, NO_SCHEDULE)], Some(&[]));
        }
    }

    #[test]
    fn a_node_that_is_back_has_only_the_taints_that_others_gave_it() {
        let before =
            [("mine", NO_EXECUTE), (UNREACHABLE, NO_SCHEDULE), (UNREACHABLE, NO_EXECUTE), (OUT_OF_SERVICE, NO_EXECUTE)];
        let after = [("mine", NO_EXECUTE), (OUT_OF_SERVICE, NO_EXECUTE)];
        check(&[("Ready", "True")], false, &before, Some(&after));
    }

    #[test]
    fn who_leaves_a_node_that_changes_its_trouble_does_not_begin_to_wait_anew() {
        let before = [(UNREACHABLE, NO_SCHEDULE), (UNREACHABLE, NO_EXECUTE)];
        let after = [(NOT_READY, NO_EXECUTE), (NOT_READY, NO_SCHEDULE)];
        check(&[("Ready", "False")], false, &before, Some(&after));
    }

    #[test]
    fn conditions_alone_never_make_pods_leave() {
        check(&[("Ready", "Unknown")], false, &[(UNREACHABLE, NO_SCHEDULE)], None);
    }
}
