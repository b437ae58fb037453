//! One table a rule: what is there, and what is done about it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    identity::{claim_body, ordinal, pod_body},
    plan::{Action, Claims, Observed, plan},
    retention::{owners_of, policy},
    status::{patch, status},
};
use crate::{
    history::History,
    objects::{Claim, ControllerRevision, Pod, StatefulSet},
};

pub fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).expect("a time")
}

/// `spec` is merged into one of three replicas.
pub fn set(spec: Value) -> StatefulSet {
    let mut set = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "generation": 2},
        "spec": {"replicas": 3, "serviceName": "svc", "selector": {"matchLabels": {"app": "web"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        set["spec"][key] = value.clone();
    }
    serde_json::from_value(set).expect("a set")
}

/// `2` is ready and of the new revision; `2!` is not ready, `2o` of the old one, `2x` being deleted, `2f` has failed,
/// `2p` is pending, `2y` has been ready for ten seconds only, `2n` does not say who it is.
fn pod(described: &str) -> Arc<Pod> {
    let digits: String = described.chars().take_while(char::is_ascii_digit).collect();
    let name = format!("web-{digits}");
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name,
            "ownerReferences": [{"uid": "s", "kind": "StatefulSet", "controller": true}],
            "labels": {"app": "web", "controller-revision-hash": "new",
                "statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": digits}},
        "spec": {"nodeName": "n"},
        "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"}]},
    });
    for flag in described[digits.len()..].chars() {
        match flag {
            '!' => pod["status"]["conditions"] = json!([]),
            'o' => pod["metadata"]["labels"]["controller-revision-hash"] = json!("old"),
            'x' => pod["metadata"]["deletionTimestamp"] = json!(now().to_string()),
            'f' => pod["status"] = json!({"phase": "Failed"}),
            'p' => pod["status"] = json!({"phase": "Pending"}),
            'y' => {
                let since = now() - SignedDuration::from_secs(10);
                pod["status"]["conditions"][0]["lastTransitionTime"] = json!(since.to_string());
            }
            'n' => pod["metadata"]["labels"] = json!({"app": "web", "controller-revision-hash": "new"}),
            other => panic!("{other} says nothing"),
        }
    }
    Arc::new(serde_json::from_value(pod).expect("a pod"))
}

fn pods(described: &str) -> Vec<Arc<Pod>> {
    described.split_whitespace().map(pod).collect()
}

fn claim(name: &str, owners: Value) -> Arc<Claim> {
    let claim =
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "ownerReferences": owners}, "spec": {}});
    Arc::new(serde_json::from_value(claim).expect("a claim"))
}

/// `+0` a pod of the new revision is created, `+0o` of the old, `-1` deleted, `c:x` a claim made, `o:x` given owners,
/// `l:1` labels given.
pub fn told(actions: &[Action]) -> String {
    let word = |action: &Action| match action {
        Action::CreatePod { ordinal, revision } => {
            format!("+{ordinal}{}", if revision == "old" { "o" } else { "" })
        }
        Action::DeletePod(pod) => format!("-{}", ordinal("web", &pod.metadata.name).expect("ours")),
        Action::CreateClaim { name, .. } => format!("c:{name}"),
        Action::OwnClaim { claim, .. } => format!("o:{}", claim.metadata.name),
        Action::Identify { pod, .. } => format!("l:{}", pod.metadata.name),
    };
    actions.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn decide(set: &StatefulSet, pods: &[Arc<Pod>], claims: &Claims) -> String {
    let observed = Observed { set, pods, claims, current: "old", update: "new", now: now() };
    told(&plan(&observed).actions)
}

#[track_caller]
fn check(spec: Value, there: &str, expect: &str) {
    assert_eq!(decide(&set(spec.clone()), &pods(there), &Claims::new()), expect, "{spec} {there:?}");
}

#[test]
fn names_have_an_ordinal_or_are_nobodys() {
    let of = |name: &str| ordinal("web", name);
    assert_eq!([of("web-0"), of("web-12")], [Some(0), Some(12)]);
    for name in ["web", "web-", "web-01", "web-+1", "web-1-0", "webx-1", "other-1", "web-99999999999"] {
        assert_eq!(of(name), None, "{name}");
    }
}

#[test]
fn an_ordered_set_comes_up_one_after_another() {
    let default = || json!({});
    check(default(), "", "+0");
    check(default(), "0p", "");
    check(default(), "0!", "");
    check(default(), "0", "+1");
    check(default(), "0 1", "+2");
    check(default(), "0 1 2", "");
    check(default(), "0 2", "+1");
    check(default(), "0x 1", "");
    // Nothing goes on while one of them has to be made anew.
    check(default(), "0 1f 2", "-1");
    check(json!({"replicas": 5}), "0 1! 2", "");
}

#[test]
fn a_parallel_set_comes_up_and_goes_all_at_once() {
    let parallel = |replicas: i32| json!({"podManagementPolicy": "Parallel", "replicas": replicas});
    check(parallel(3), "", "+0 +1 +2");
    check(parallel(3), "1!", "+0 +2");
    check(parallel(3), "0f 1x 2", "-0");
    check(parallel(1), "0! 1 2! 3x", "-2 -1");
}

#[test]
fn ordinals_begin_where_they_are_told_to() {
    check(json!({"ordinals": {"start": 5}, "replicas": 2}), "", "+5");
    check(json!({"ordinals": {"start": 5}, "replicas": 2}), "5 6", "");
    check(json!({"ordinals": {"start": 1}, "replicas": 2}), "0 1 2", "-0");
}

#[test]
fn what_is_too_much_goes_from_the_highest_one_at_a_time() {
    check(json!({"replicas": 1}), "0 1 2", "-2");
    check(json!({"replicas": 1}), "0 1 2x", "");
    check(json!({"replicas": 0}), "0", "-0");
    // Whoever is wanted must serve first.
    check(json!({"replicas": 1}), "0! 1 2", "");
    // Of those that go, only the lowest that does not serve may go before it does.
    check(json!({"replicas": 1}), "0 1! 2!", "");
    check(json!({"replicas": 1}), "0 1 2!", "-2");
    check(json!({"replicas": 0}), "0f 1f", "-1");
    check(json!({"replicas": 0}), "0! 1!", "");
}

#[test]
fn a_pod_is_available_when_it_has_been_ready_for_long_enough() {
    check(json!({"minReadySeconds": 60}), "0y", "");
    check(json!({"minReadySeconds": 5}), "0y", "+1");
    let set = set(json!({"minReadySeconds": 60}));
    let pods = pods("0y");
    let observed =
        Observed { set: &set, pods: &pods, claims: &Claims::new(), current: "old", update: "new", now: now() };
    assert_eq!(plan(&observed).available_in, Some(SignedDuration::from_secs(50)));
}

#[test]
fn an_update_rolls_from_the_highest_ordinal_and_waits_for_each() {
    check(json!({}), "0o 1o 2o", "-2");
    check(json!({}), "0o 1o 2x", "");
    check(json!({}), "0o 1o 2!", "");
    check(json!({}), "0o 1o 2", "-1");
    check(json!({}), "0 1 2", "");
    check(json!({"updateStrategy": {"type": "OnDelete"}}), "0o 1o 2o", "");
    check(json!({"updateStrategy": {"type": "OnDelete"}}), "0o 1o", "+2");
}

#[test]
fn what_is_below_the_partition_stays_and_comes_back_as_it_was() {
    let partition = |partition: i32, more: Value| {
        let mut spec = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}});
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        spec
    };
    check(partition(2, json!({})), "0o 1o 2o", "-2");
    check(partition(2, json!({})), "0o 1o 2", "");
    check(partition(2, json!({})), "0o 2", "+1o");
    check(partition(2, json!({})), "0o 1o", "+2");
    check(partition(9, json!({})), "0o 1o 2o", "");
    check(partition(1, json!({"ordinals": {"start": 4}})), "4o 5o 6o", "-6");
    check(partition(1, json!({"ordinals": {"start": 4}})), "", "+4o");
}

#[test]
fn as_many_may_be_missing_as_the_update_says() {
    let most = |most: Value, policy: &str| {
        json!({"replicas": 5, "podManagementPolicy": policy,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": most}}})
    };
    check(most(json!(2), "OrderedReady"), "0o 1o 2o 3o 4o", "-4 -3");
    check(most(json!("50%"), "OrderedReady"), "0o 1o 2o 3o 4o", "-4 -3 -2");
    check(most(json!("1%"), "OrderedReady"), "0o 1o 2o 3o 4o", "-4");
    check(most(json!(2), "Parallel"), "0o 1o 2o 3o 4!", "-3");
    check(most(json!(2), "Parallel"), "0o 1o 2o 3! 4x", "");
    // One of the old that does not serve costs nothing, and may be what is in the way.
    check(most(json!(1), "Parallel"), "0o! 1o 2o 3o 4", "-0");
    check(most(json!(1), "Parallel"), "0o 1o 2o 3o! 4!", "-3");
}

#[test]
fn a_set_that_is_being_deleted_touches_no_pod() {
    let mut set = set(json!({}));
    set.metadata.deletion_timestamp = Some(now());
    assert_eq!(decide(&set, &pods("0f 7"), &Claims::new()), "");
}

#[test]
fn pods_say_who_they_are() {
    check(json!({"replicas": 1}), "0n", "l:web-0");
}

fn with_claims(policy: Value) -> Value {
    json!({"replicas": 2, "persistentVolumeClaimRetentionPolicy": policy, "volumeClaimTemplates": [
        {"metadata": {"name": "data", "labels": {"a": "b"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}]})
}

#[test]
fn a_pod_comes_with_its_claims_and_waits_for_those_that_are_going() {
    let set = set(with_claims(json!({})));
    let claims = |found: Vec<Arc<Claim>>| -> Claims {
        found.into_iter().map(|claim| (claim.metadata.name.clone(), claim)).collect()
    };
    assert_eq!(decide(&set, &[], &Claims::new()), "c:data-web-0 +0");
    let there = claims(vec![claim("data-web-0", json!([]))]);
    assert_eq!(decide(&set, &[], &there), "+0");
    // A pod that waits for a claim gets it; one that runs has no use for it.
    assert_eq!(decide(&set, &pods("0p"), &Claims::new()), "c:data-web-0");
    assert_eq!(decide(&set, &pods("0 1"), &Claims::new()), "");
    let mut going = claim("data-web-0", json!([]));
    Arc::make_mut(&mut going).metadata.deletion_timestamp = Some(now());
    assert_eq!(decide(&set, &[], &claims(vec![going])), "");
    // One that was given to a pod that was scaled away is about to go with it.
    let scaled = self::set(with_claims(json!({"whenScaled": "Delete", "whenDeleted": "Retain"})));
    let given = claim("data-web-0", json!([{"kind": "Pod", "name": "web-0", "uid": "gone", "apiVersion": "v1"}]));
    assert_eq!(decide(&scaled, &[], &claims(vec![given])), "");
}

#[test]
fn owners_of_claims_follow_the_retention_policy() {
    let set_reference = || {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "s",
        "controller": true, "blockOwnerDeletion": true})
    };
    let pod_reference = |uid: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "name": "web-1", "uid": uid,
        "controller": true, "blockOwnerDeletion": true})
    };
    let other = || json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"});
    let check = |deleted: &str, scaled: &str, condemned: bool, now: Value, expect: Option<Value>| {
        let set = set(with_claims(json!({"whenDeleted": deleted, "whenScaled": scaled})));
        let pod = pod("1");
        let policy = policy(&set, condemned);
        let found = owners_of(&set, Some(&pod.metadata), policy, &claim("data-web-1", now.clone()));
        assert_eq!(found.map(Value::from), expect, "{deleted} {scaled} {condemned} {now}");
    };
    check("Retain", "Retain", false, json!([]), None);
    check("Retain", "Retain", true, json!([other()]), None);
    check("Delete", "Retain", false, json!([]), Some(json!([set_reference()])));
    check("Delete", "Retain", true, json!([set_reference()]), None);
    check("Retain", "Retain", false, json!([other(), set_reference()]), Some(json!([other()])));
    check("Retain", "Delete", false, json!([]), None);
    check("Retain", "Delete", true, json!([]), Some(json!([pod_reference("web-1")])));
    check("Delete", "Delete", true, json!([set_reference()]), Some(json!([pod_reference("web-1")])));
    check("Delete", "Delete", false, json!([pod_reference("web-1")]), Some(json!([set_reference()])));
    check("Retain", "Delete", true, json!([pod_reference("former")]), Some(json!([pod_reference("web-1")])));
    // What somebody else controls is left alone.
    let foreign = json!([{"apiVersion": "v1", "kind": "Backup", "name": "b", "uid": "b", "controller": true}]);
    check("Delete", "Delete", false, foreign, None);
}

fn revision(name: &str, image: &str) -> Arc<ControllerRevision> {
    let template = json!({"$patch": "replace", "metadata": {"labels": {"app": "web"}}, "spec": {
        "containers": [{"name": "c", "image": image}],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]}});
    let found = json!({"metadata": {"name": name}, "data": {"spec": {"template": template}}, "revision": 1});
    Arc::new(serde_json::from_value(found).expect("a revision"))
}

#[test]
fn a_pod_and_its_claims_are_made_of_the_templates_and_the_ordinal() {
    let set = set(with_claims(json!({})));
    let pod = pod_body(&set, 1, &revision("web-abc", "one"));
    assert_eq!(pod["metadata"]["name"], "web-1");
    assert_eq!(
        pod["metadata"]["labels"],
        json!({"app": "web", "controller-revision-hash": "web-abc",
            "statefulset.kubernetes.io/pod-name": "web-1", "apps.kubernetes.io/pod-index": "1"})
    );
    let spec = &pod["spec"];
    assert_eq!((&spec["hostname"], &spec["subdomain"]), (&json!("web-1"), &json!("svc")));
    assert_eq!(spec["containers"][0]["image"], "one");
    assert_eq!(
        spec["volumes"],
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}}, {"name": "tmp", "emptyDir": {}}])
    );
    let mut fenced = set.clone();
    fenced.metadata.annotations.insert("timonier.dev/fence".into(), "30s".into());
    let pod = pod_body(&fenced, 1, &revision("web-abc", "one"));
    assert_eq!(pod["metadata"]["annotations"], json!({"timonier.dev/fence": "30s"}));
    let claim = claim_body(&set, 1, "data-web-1").expect("one of its claims");
    assert_eq!(claim["metadata"]["labels"], json!({"a": "b", "app": "web"}));
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    assert_eq!(claim_body(&set, 1, "data-web-2"), None);
}

#[test]
fn the_status_counts_and_an_update_is_over_when_all_are_new_and_ready() {
    let old = revision("old", "one");
    let new = revision("new", "two");
    let history = History { revisions: vec![old, new.clone()], update: new, collisions: 1 };
    let mut set = set(json!({"minReadySeconds": 30}));
    set.status.current_revision = "old".into();
    let found = status(&set, &pods("0o 1o! 2y"), &history, now());
    assert_eq!(
        (
            found.replicas,
            found.ready_replicas,
            found.available_replicas,
            found.current_replicas,
            found.updated_replicas
        ),
        (3, 2, 1, 2, 1)
    );
    assert_eq!((&*found.current_revision, &*found.update_revision), ("old", "new"));
    assert_eq!((found.observed_generation, found.collision_count), (2, Some(1)));
    let over = status(&set, &pods("0 1 2"), &history, now());
    assert_eq!((&*over.current_revision, over.current_replicas), ("new", 3));
    let deleted_by_hand = self::set(json!({"updateStrategy": {"type": "OnDelete"}}));
    let left = StatefulSet { status: set.status.clone(), ..deleted_by_hand };
    assert_eq!(&*status(&left, &pods("0 1 2"), &history, now()).current_revision, "old");
    let patch = patch(&status(&set, &[], &history, now()));
    assert_eq!((&patch["status"]["replicas"], &patch["status"]["readyReplicas"]), (&json!(0), &Value::Null));
}
