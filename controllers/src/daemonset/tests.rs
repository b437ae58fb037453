//! One table a rule: what is on the nodes, and what is done about it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    patch,
    plan::{Observed, Plan, plan},
};
use crate::objects::{DaemonSet, Node, Pod};

fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).expect("a time")
}

/// `rolling` is the strategy's `rollingUpdate`; null is `OnDelete`.
fn set(rolling: Value) -> DaemonSet {
    let strategy = if rolling.is_null() {
        json!({"type": "OnDelete"})
    } else {
        json!({"type": "RollingUpdate", "rollingUpdate": rolling})
    };
    serde_json::from_value(json!({
        "metadata": {"name": "agent", "namespace": "default", "uid": "d", "generation": 3},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "updateStrategy": strategy,
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"nodeSelector": {"here": "yes"}}}},
    }))
    .expect("a set")
}

/// Nodes by name: capitals fit, others do not; `T` has a taint that keeps new pods away.
fn nodes(names: &str) -> Vec<Arc<Node>> {
    let node = |name: char| {
        let fits = if name.is_uppercase() { "yes" } else { "no" };
        let taints = if name == 'T' { json!([{"key": "own", "effect": "NoSchedule"}]) } else { json!([]) };
        json!({"metadata": {"name": name.to_string(), "labels": {"here": fits}}, "spec": {"taints": taints}})
    };
    names.chars().map(|name| Arc::new(serde_json::from_value(node(name)).expect("a node"))).collect()
}

/// `A1` is pod 1 on node A: new, running and available. `o` of an old template, `!` not ready, `x` being deleted,
/// `f` failed, `s` succeeded, `u` not bound yet, `y` ready for ten seconds.
fn pod(described: &str) -> Arc<Pod> {
    let name = &described[..2];
    let age = name[1..].parse::<i64>().expect("a digit");
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name,
            "creationTimestamp": (now() - SignedDuration::from_secs(10_000 - age)).to_string(),
            "ownerReferences": [{"uid": "d", "kind": "DaemonSet", "controller": true}],
            "labels": {"app": "agent", "controller-revision-hash": "new"}},
        "spec": {"nodeName": name[..1], "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name[..1]]}]}]}}}},
        "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"}]},
    });
    for flag in described[2..].chars() {
        match flag {
            'o' => pod["metadata"]["labels"]["controller-revision-hash"] = json!("old"),
            '!' => pod["status"]["conditions"] = json!([]),
            'x' => pod["metadata"]["deletionTimestamp"] = json!(now().to_string()),
            'f' => pod["status"] = json!({"phase": "Failed"}),
            's' => pod["status"] = json!({"phase": "Succeeded"}),
            'u' => {
                pod["spec"]["nodeName"] = Value::Null;
                pod["status"] = json!({"phase": "Pending"});
            }
            'y' => {
                let since = now() - SignedDuration::from_secs(10);
                pod["status"]["conditions"][0]["lastTransitionTime"] = json!(since.to_string());
            }
            other => panic!("{other} says nothing"),
        }
    }
    Arc::new(serde_json::from_value(pod).expect("a pod"))
}

fn decide(set: &DaemonSet, on: &str, pods: &str) -> Plan {
    let pods: Vec<_> = pods.split_whitespace().map(pod).collect();
    plan(&Observed { set, nodes: &nodes(on), pods: &pods, hash: "new", now: now() })
}

/// `+A` a pod is created on A, `-A1` pod A1 is deleted, `~A1` it has ended.
fn told(plan: &Plan) -> String {
    let created = plan.create.iter().map(|node| format!("+{node}"));
    let deleted = plan.delete.iter().map(|pod| format!("-{}", pod.metadata.name));
    let ended = plan.ended.iter().map(|(_, pod)| format!("~{}", pod.metadata.name));
    created.chain(deleted).chain(ended).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(rolling: Value, on: &str, pods: &str, expect: &str) {
    assert_eq!(told(&decide(&set(rolling.clone()), on, pods)), expect, "{rolling} {on} {pods}");
}

fn one() -> Value {
    json!({"maxUnavailable": 1, "maxSurge": 0})
}

#[test]
fn every_node_that_fits_has_one_pod() {
    check(one(), "ABc", "", "+A +B");
    check(one(), "ABc", "A1 B1u", "");
    check(one(), "ABc", "A1 B1x", "");
    check(one(), "ABc", "A1 B1 c1", "-c1");
    check(one(), "A", "A2 A1 A3", "-A2 -A3");
    check(one(), "A", "A1u A2", "-A1");
}

#[test]
fn a_taint_keeps_new_pods_away_and_lets_old_ones_stay() {
    check(one(), "T", "", "");
    check(one(), "T", "T1", "");
    check(one(), "T", "T1f", "~T1");
}

#[test]
fn what_ended_is_made_anew() {
    check(one(), "AB", "A1f B1s", "~A1 ~B1");
    check(one(), "A", "A1f A2", "~A1");
}

#[test]
fn a_pod_whose_node_is_gone_before_it_was_bound_goes() {
    check(one(), "A", "A1 Z1u Y1", "-Z1");
}

#[test]
fn an_update_takes_as_many_away_as_may_be_missing() {
    check(one(), "ABC", "A1o B1o C1o", "-A1");
    check(one(), "ABC", "A1x B1o C1o", "");
    check(one(), "ABC", "A2! B1o C1o", "");
    check(one(), "ABC", "A2 B1o C1o", "-B1");
    check(one(), "ABC", "A2 B1o", "+C");
    check(json!({"maxUnavailable": 2}), "ABC", "A1o B1o C1o", "-A1 -B1");
    check(json!({"maxUnavailable": "50%"}), "ABC", "A1o B1o C1o", "-A1 -B1");
    check(json!({"maxUnavailable": "1%"}), "ABC", "A1o B1o C1o", "-A1");
    // What serves nobody is not missed, and takes nobody else's turn.
    check(one(), "ABC", "A1o B1o! C1o!", "-B1 -C1");
    check(Value::Null, "AB", "A1o B1o", "");
}

#[test]
fn an_update_with_surge_brings_the_new_one_first() {
    let surge = |most: Value| json!({"maxUnavailable": 0, "maxSurge": most});
    check(surge(json!(1)), "ABC", "A1o B1o C1o", "+A");
    check(surge(json!(1)), "ABC", "A1o A2! B1o C1o", "");
    check(surge(json!(1)), "ABC", "A1o A2 B1o C1o", "+B -A1");
    check(surge(json!("67%")), "ABC", "A1o B1o C1o", "+A +B +C");
    check(surge(json!(2)), "ABC", "A1o A2! B1o C1o", "+B");
    // One that does not serve is replaced beside the count, and goes when its replacement is there.
    check(surge(json!(1)), "ABC", "A1o! B1o C1o", "+A +B");
    check(surge(json!(1)), "A", "A1o! A2!", "-A1");
    check(surge(json!(1)), "A", "A1 A2", "-A2");
}

#[test]
fn a_set_that_is_being_deleted_touches_no_pod() {
    let mut set = set(one());
    set.metadata.deletion_timestamp = Some(now());
    assert_eq!(told(&decide(&set, "ABc", "A1f c1")), "");
}

#[test]
fn the_status_counts_nodes() {
    let mut set = set(one());
    set.spec.min_ready_seconds = 30;
    let plan = decide(&set, "ABCDeT", "A1 B1y C1o! e1 T1");
    let found = &plan.counts;
    assert_eq!((found.desired_number_scheduled, found.current_number_scheduled, found.number_misscheduled), (4, 3, 2));
    assert_eq!((found.number_ready, found.number_available, found.number_unavailable), (2, 1, 3));
    assert_eq!((found.updated_number_scheduled, found.observed_generation), (2, 3));
    assert_eq!(plan.available_in, Some(SignedDuration::from_secs(20)));
    let patch = patch(&decide(&set, "", "").counts);
    assert_eq!((&patch["status"]["numberReady"], &patch["status"]["numberAvailable"]), (&json!(0), &Value::Null));
}
