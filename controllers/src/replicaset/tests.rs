//! Counting, claiming, choosing and reporting, table by table.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    plan::{Observed, Plan, plan},
    status::{patch, status},
};
use crate::{
    objects::{Pod, ReplicaSet},
    pods::{
        batches::Failure,
        preference::{NodeCrowd, prefer_to_delete},
    },
};

fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).expect("a time")
}

fn ago(seconds: i64) -> String {
    (now() - SignedDuration::from_secs(seconds)).to_string()
}

fn set(replicas: i32) -> ReplicaSet {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "generation": 4},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web", "tier": "x"}}}},
    }))
    .expect("a set")
}

/// A running, ready pod of the set; `change` makes it what the case needs.
fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {
            "name": name, "uid": name, "namespace": "default", "labels": {"app": "web"},
            "ownerReferences": [{"uid": "s", "controller": true}], "creationTimestamp": ago(1000),
        },
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Running", "containerStatuses": [{"restartCount": 0}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ago(900)}],
        },
    });
    change(&mut pod);
    Arc::new(serde_json::from_value(pod).expect("a pod"))
}

fn plain(name: &str) -> Arc<Pod> {
    pod(name, |_| {})
}

fn decide(set: &ReplicaSet, pods: &[Arc<Pod>]) -> Plan {
    plan(&Observed { set, pods, crowd: &NodeCrowd::new(), now: now() })
}

fn names(pods: &[Arc<Pod>]) -> Vec<&str> {
    pods.iter().map(|pod| &*pod.metadata.name).collect()
}

#[test]
fn what_is_missing_is_created_and_what_is_too_much_deleted() {
    let three = [plain("a"), plain("b"), plain("c")];
    assert_eq!(decide(&set(5), &three).create, 2);
    let fewer = decide(&set(1), &three);
    assert_eq!((fewer.create, fewer.delete.len()), (0, 2));
    let enough = decide(&set(3), &three);
    assert_eq!((enough.create, enough.delete.len()), (0, 0));
    assert_eq!(decide(&set(0), &three).delete.len(), 3);
}

#[test]
fn pods_that_ended_or_are_being_deleted_do_not_count() {
    let pods = [
        pod("done", |pod| pod["status"]["phase"] = json!("Succeeded")),
        pod("failed", |pod| pod["status"]["phase"] = json!("Failed")),
        pod("going", |pod| pod["metadata"]["deletionTimestamp"] = json!(ago(1))),
        plain("a"),
    ];
    let plan = decide(&set(2), &pods);
    assert_eq!((plan.create, plan.active.len(), plan.terminating), (1, 1, 1));
}

#[test]
fn orphans_that_match_are_adopted_and_count_and_strangers_are_left_alone() {
    let pods = [
        pod("orphan", |pod| pod["metadata"]["ownerReferences"] = json!([])),
        pod("ended", |pod| {
            pod["metadata"]["ownerReferences"] = json!([]);
            pod["status"]["phase"] = json!("Failed");
        }),
        pod("other", |pod| pod["metadata"]["ownerReferences"][0]["uid"] = json!("t")),
        pod("unlike", |pod| {
            pod["metadata"]["ownerReferences"] = json!([]);
            pod["metadata"]["labels"] = json!({});
        }),
    ];
    let plan = decide(&set(2), &pods);
    assert_eq!(names(&plan.claimed.adopt), ["orphan"]);
    assert_eq!(plan.create, 1);
}

#[test]
fn a_pod_that_no_longer_matches_is_released_and_replaced() {
    let pods = [pod("strayed", |pod| pod["metadata"]["labels"] = json!({"app": "debug"})), plain("a")];
    let plan = decide(&set(2), &pods);
    assert_eq!((names(&plan.claimed.release), plan.create), (vec!["strayed"], 1));
}

#[test]
fn a_set_that_is_being_deleted_touches_no_pod() {
    let mut set = set(5);
    set.metadata.deletion_timestamp = Some(now());
    let orphan = pod("orphan", |pod| pod["metadata"]["ownerReferences"] = json!([]));
    let plan = decide(&set, &[orphan, plain("a")]);
    assert!(plan.create == 0 && plan.delete.is_empty() && plan.claimed.adopt.is_empty());
    assert_eq!(plan.active.len(), 1);
}

/// `first` is rather deleted than `second`, also when they are given the other way round.
fn prefers(first: Arc<Pod>, second: Arc<Pod>, crowd: &[(&str, usize)]) {
    let crowd: NodeCrowd = crowd.iter().map(|(node, count)| ((*node).into(), *count)).collect();
    let mut pods = [second, first.clone()];
    prefer_to_delete(&mut pods, &crowd, now());
    assert_eq!(pods[0].metadata.name, first.metadata.name);
}

#[test]
fn deletion_prefers_in_the_order_that_kubernetes_documents() {
    let cost = |name: &str, cost: &str| {
        pod(name, |pod| {
            pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"] = json!(cost);
        })
    };
    let unready = || pod("unready", |pod| pod["status"]["conditions"] = json!([]));
    let pending = || pod("pending", |pod| pod["status"]["phase"] = json!("Pending"));
    prefers(pod("z-unassigned", |pod| pod["spec"] = json!({})), pending(), &[]);
    prefers(pending(), unready(), &[]);
    prefers(unready(), cost("cheap", "-5"), &[]);
    prefers(cost("z-cheap", "1"), cost("dear", "10"), &[]);
    prefers(cost("z-plain", "nonsense"), cost("dear", "10"), &[]);
    let on = |name: &str, node: &str| pod(name, |pod| pod["spec"]["nodeName"] = json!(node));
    prefers(on("z-crowded", "big"), on("alone", "small"), &[("big", 3), ("small", 1)]);
    let ready = |name: &str, seconds: i64| {
        pod(name, |pod| pod["status"]["conditions"][0]["lastTransitionTime"] = json!(ago(seconds)))
    };
    prefers(ready("z-fresh", 5), ready("old", 800), &[]);
    let restarted =
        |name: &str, count: i32| pod(name, |pod| pod["status"]["containerStatuses"][0]["restartCount"] = json!(count));
    prefers(restarted("z-restless", 9), restarted("calm", 1), &[]);
    let created =
        |name: &str, seconds: i64| pod(name, |pod| pod["metadata"]["creationTimestamp"] = json!(ago(seconds)));
    prefers(created("z-young", 901), created("old", 9000), &[]);
    prefers(plain("a"), plain("b"), &[]);
}

#[test]
fn the_status_counts_by_label_readiness_and_time() {
    let mut set = set(3);
    set.spec.min_ready_seconds = 60;
    let pods = [
        pod("full", |pod| pod["metadata"]["labels"]["tier"] = json!("x")),
        pod("fresh", |pod| pod["status"]["conditions"][0]["lastTransitionTime"] = json!(ago(10))),
        pod("unready", |pod| pod["status"]["conditions"][0]["status"] = json!("False")),
    ];
    let plan = decide(&set, &pods);
    assert_eq!(plan.available_in, Some(SignedDuration::from_secs(50)));
    let status = status(&set, &plan, None, now());
    assert_eq!(
        (status.replicas, status.fully_labeled_replicas, status.ready_replicas, status.available_replicas),
        (3, 1, 2, 1)
    );
    assert_eq!((status.terminating_replicas, status.observed_generation), (Some(0), 4));
}

#[test]
fn a_failure_is_reported_until_it_is_over() {
    let mut set = set(1);
    let error = kube::Error::LinesCodecMaxLineLengthExceeded;
    let failure = Failure { reason: "FailedCreate", message: "quota".into(), error };
    let failed = status(&set, &decide(&set, &[]), Some(&failure), now());
    assert_eq!((&*failed.conditions[0].kind, &*failed.conditions[0].reason), ("ReplicaFailure", "FailedCreate"));
    set.status = failed.clone();
    let later = now() + SignedDuration::from_secs(9);
    assert_eq!(status(&set, &decide(&set, &[]), Some(&failure), later), failed);
    assert!(status(&set, &decide(&set, &[]), None, later).conditions.is_empty());
}

#[test]
fn zeros_are_written_as_absent_but_replicas_always() {
    let set = set(0);
    let patch = patch::<ReplicaSet>(&status(&set, &decide(&set, &[]), None, now()));
    assert_eq!(patch["status"]["replicas"], json!(0));
    assert_eq!(patch["status"]["readyReplicas"], Value::Null);
    assert_eq!(patch["status"]["terminatingReplicas"], json!(0));
}
