use serde_json::{Value, json};

use super::*;
use crate::fixtures::{cluster, node, place, pod};
use crate::{Change, Cluster, Pod, Scheduler};

fn claim(name: &str, over: Value) -> Claim {
    let mut object = json!({"metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}")},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    merge(&mut object, over);
    Claim::parse(&serde_json::from_value(object).expect("a claim"))
}

fn bound(name: &str, volume: &str) -> Claim {
    claim(name, json!({"metadata": {"annotations": {BIND_COMPLETED: "yes"}}, "spec": {"volumeName": volume}}))
}

fn volume(name: &str, node: Option<&str>, over: Value) -> Volume {
    let mut object = json!({"metadata": {"name": name}, "status": {"phase": "Available"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}});
    if let Some(node) = node {
        object["spec"]["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]}});
    }
    merge(&mut object, over);
    Volume::parse(&serde_json::from_value(object).expect("a volume"))
}

fn class(name: &str, mode: &str, provisioner: &str) -> Class {
    let object = json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode});
    Class::parse(&serde_json::from_value(object).expect("a class"))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn three_nodes() -> Cluster {
    let named = |name: &str| node(name, json!({"metadata": {"labels": {"kubernetes.io/hostname": name}}}));
    let mut cluster = cluster([named("n1"), named("n2"), named("n3")]);
    cluster.volumes_mut().set_class(class("wait", "WaitForFirstConsumer", "example.com/p"));
    cluster.volumes_mut().set_class(class("by-hand", "WaitForFirstConsumer", NO_PROVISIONER));
    cluster.volumes_mut().set_class(class("now", "Immediate", "example.com/p"));
    cluster
}

fn using(claim: &str) -> Pod {
    pod("p", json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]}))
}

fn says(pod: &Pod, cluster: &Cluster) -> String {
    match Scheduler::new(0).schedule(pod, cluster) {
        Ok(decision) => format!("on {}", decision.node),
        Err(refused) => refused.to_string().replace("0/3 nodes are available: ", ""),
    }
}

#[test]
fn a_pod_whose_claim_has_no_volume_yet_waits_and_says_why() {
    let of = |class: &str| json!({"spec": {"storageClassName": class}});
    let immediate = "pod has unbound immediate PersistentVolumeClaims.";
    for (found, expected) in [
        (None, "persistentvolumeclaim \"c\" not found."),
        (Some(claim("c", of("now"))), immediate),
        (Some(claim("c", of(""))), immediate),
        (Some(claim("c", of("unknown"))), immediate),
        (Some(claim("c", json!({"spec": {"storageClassName": "wait", "volumeName": "pv"}}))), immediate),
        (
            Some(claim("c", json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))),
            "persistentvolumeclaim \"c\" is being deleted.",
        ),
        (
            Some(claim("c", json!({"spec": {"volumeName": "pv"}, "status": {"phase": "Lost"}}))),
            "persistentvolumeclaim \"c\" bound to non-existent persistentvolume \"pv\".",
        ),
        (Some(claim("c", of("by-hand"))), "3 node(s) didn't find available persistent volumes to bind."),
        (Some(bound("c", "gone")), "3 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)."),
    ] {
        let mut cluster = three_nodes();
        if let Some(found) = found.clone() {
            cluster.volumes_mut().set_claim(found);
        }
        let refused = Scheduler::new(0).schedule(&using("c"), &cluster).expect_err("refused");
        assert!(refused.curable_by().intersects(Change::VOLUMES), "{found:?}");
        assert_eq!(says(&using("c"), &cluster), expected, "{found:?}");
    }
}

#[test]
fn a_bound_claim_draws_its_pod_to_where_the_volume_is() {
    let mut cluster = three_nodes();
    cluster.volumes_mut().set_claim(bound("c", "pv"));
    cluster.volumes_mut().set_volume(volume("pv", Some("n2"), json!({})));
    assert_eq!(says(&using("c"), &cluster), "on n2");
    cluster.volumes_mut().set_volume(volume("pv", Some("n9"), json!({})));
    assert_eq!(says(&using("c"), &cluster), "3 node(s) didn't match PersistentVolume's node affinity.");
}

#[test]
fn a_claim_that_waits_gets_the_smallest_volume_that_suits_it_on_some_node() {
    let mut cluster = three_nodes();
    let volumes = cluster.volumes_mut();
    volumes.set_claim(claim("c", json!({"spec": {"storageClassName": "by-hand"}})));
    let of = |size: &str| json!({"spec": {"storageClassName": "by-hand", "capacity": {"storage": size}}});
    volumes.set_volume(volume("small", Some("n1"), of("1Mi")));
    volumes.set_volume(volume("large", Some("n3"), of("9Gi")));
    volumes.set_volume(volume("right", Some("n3"), of("2Gi")));
    volumes.set_volume(volume("other-class", Some("n2"), json!({})));
    let decision = Scheduler::new(0).schedule(&using("c"), &cluster).expect("a node");
    assert_eq!(&*decision.node, "n3");
    let given: Vec<_> = decision.bindings.give.iter().map(|(volume, given)| (&**volume, &*given.claim.1)).collect();
    assert_eq!(given, [("right", "c")]);
    // Whoever comes next can't have it, whether or not it was written.
    cluster.volumes_mut().assume(&"p".into(), &decision.node, &decision.bindings);
    cluster.volumes_mut().set_claim(claim("d", json!({"spec": {"storageClassName": "by-hand"}})));
    let next = Scheduler::new(0).schedule(&using("d"), &cluster).expect("a node");
    assert_eq!(&*next.bindings.give[0].0, "large");
    cluster.volumes_mut().forget("p");
    let next = Scheduler::new(0).schedule(&using("d"), &cluster).expect("a node");
    assert_eq!(&*next.bindings.give[0].0, "right");
}

#[test]
fn a_claim_whose_volume_is_yet_to_be_made_is_made_where_its_first_pod_goes() {
    let mut cluster = three_nodes();
    cluster.volumes_mut().set_claim(claim("c", json!({"spec": {"storageClassName": "wait"}})));
    let decision = Scheduler::new(0).schedule(&using("c"), &cluster).expect("a node");
    assert_eq!(decision.bindings.provision, [("default".into(), "c".into())]);
    cluster.volumes_mut().assume(&"p".into(), &"n2".into(), &decision.bindings);
    for seed in 0..8 {
        let next = Scheduler::new(seed).schedule(&using("c"), &cluster).expect("a node");
        assert_eq!(&*next.node, "n2", "the other pods of the claim follow");
    }
    let selected = json!({"metadata": {"annotations": {SELECTED_NODE: "n9"}}, "spec": {"storageClassName": "wait"}});
    cluster.volumes_mut().forget("p");
    cluster.volumes_mut().set_claim(claim("c", selected));
    assert_eq!(says(&using("c"), &cluster), "3 node(s) didn't find available persistent volumes to bind.");
}

#[test]
fn a_volume_for_one_pod_has_one_pod() {
    let mut cluster = three_nodes();
    let mut once = bound("c", "pv");
    once.modes = ["ReadWriteOncePod".into()].into();
    cluster.volumes_mut().set_claim(once);
    cluster.volumes_mut().set_volume(volume("pv", None, json!({})));
    assert!(says(&using("c"), &cluster).starts_with("on n"));
    let mut first = using("c");
    first.uid = "first".into();
    place(&mut cluster, first, "n1");
    assert_eq!(
        says(&using("c"), &cluster),
        "3 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode."
    );
    cluster.remove_pod("first");
    assert!(says(&using("c"), &cluster).starts_with("on n"));
}

#[test]
fn an_ephemeral_claim_is_the_pods_own() {
    let pod = pod("p", json!({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}));
    let mut cluster = three_nodes();
    let missing = "waiting for ephemeral volume controller to create the persistentvolumeclaim \"p-v\".";
    assert_eq!(says(&pod, &cluster), missing);
    let mut made = bound("p-v", "pv");
    cluster.volumes_mut().set_volume(volume("pv", None, json!({})));
    cluster.volumes_mut().set_claim(made.clone());
    assert_eq!(says(&pod, &cluster), "PVC default/p-v was not created for pod default/p (pod is not owner).");
    made.owner = Some("p".into());
    cluster.volumes_mut().set_claim(made);
    assert!(says(&pod, &cluster).starts_with("on n"));
}

#[test]
fn a_volume_suits_a_claim_by_size_modes_class_and_labels() {
    let selector = json!({"spec": {"selector": {"matchLabels": {"tier": "fast"},
        "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}}});
    let labels = json!({"metadata": {"labels": {"tier": "fast", "zone": "b"}}});
    for (wanted, there, expected) in [
        (json!({}), json!({}), true),
        (json!({}), json!({"spec": {"capacity": {"storage": "1Mi"}}}), false),
        (json!({"spec": {"accessModes": ["ReadWriteMany"]}}), json!({}), false),
        (json!({}), json!({"spec": {"accessModes": ["ReadWriteMany", "ReadWriteOnce"]}}), true),
        (json!({"spec": {"storageClassName": "x"}}), json!({}), false),
        (json!({"spec": {"volumeMode": "Block"}}), json!({}), false),
        (selector.clone(), labels, true),
        (selector, json!({}), false),
        (json!({}), json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), false),
    ] {
        assert_eq!(volume("pv", None, there.clone()).suits(&claim("c", wanted.clone())), expected, "{wanted} {there}");
    }
}

#[test]
fn a_volume_in_a_zone_is_reached_from_that_zone_or_from_nodes_that_say_nothing() {
    const ZONE: &str = "topology.kubernetes.io/zone";
    let in_zone = |name: &str, zone: &str| node(name, json!({"metadata": {"labels": {ZONE: zone}}}));
    let mut cluster = cluster([in_zone("n1", "a"), in_zone("n2", "b")]);
    let labels = json!({"metadata": {"labels": {ZONE: "b__c"}}});
    cluster.volumes_mut().set_volume(volume("v", None, labels));
    cluster.volumes_mut().set_claim(bound("data", "v"));
    assert_eq!(says(&using("data"), &cluster), "on n2");
    cluster.remove_node("n2");
    let said = says(&using("data"), &cluster);
    assert_eq!(said, "0/1 nodes are available: 1 node(s) had no available volume zone.");
    cluster.set_node(node("n3", json!({})));
    assert_eq!(says(&using("data"), &cluster), "on n3");
}

#[test]
fn a_node_takes_no_more_volumes_of_a_driver_than_it_says() {
    use crate::volume_limits::VolumeLimits;
    let csi =
        |name: &str| volume(name, None, json!({"spec": {"csi": {"driver": "disk.example.com", "volumeHandle": name}}}));
    let mut cluster = cluster([node("n1", json!({}))]);
    let object = json!({"metadata": {"name": "n1"}, "spec": {"drivers": [
        {"name": "disk.example.com", "nodeID": "n1", "allocatable": {"count": 2}},
    ]}});
    let limits = VolumeLimits::parse(&serde_json::from_value(object).expect("a CSINode"));
    assert!(!cluster.set_volume_limits("n1".into(), limits).is_none());
    for name in ["a", "b", "c"] {
        cluster.volumes_mut().set_volume(csi(name));
        cluster.volumes_mut().set_claim(bound(name, name));
    }
    let holding = |name: &str, claim: &str| {
        pod(name, json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]}))
    };
    place(&mut cluster, holding("pa", "a"), "n1");
    assert_eq!(says(&using("b"), &cluster), "on n1");
    place(&mut cluster, holding("pb", "b"), "n1");
    assert_eq!(says(&using("c"), &cluster), "0/1 nodes are available: 1 node(s) exceed max volume count.");
    assert_eq!(says(&using("a"), &cluster), "on n1", "it is attached already");
    // One that is yet to be made counts by the driver that will make it.
    cluster.volumes_mut().set_class(class("fast", "WaitForFirstConsumer", "disk.example.com"));
    cluster.volumes_mut().set_claim(claim("new", json!({"spec": {"storageClassName": "fast"}})));
    assert_eq!(says(&using("new"), &cluster), "0/1 nodes are available: 1 node(s) exceed max volume count.");
    cluster.remove_pod("pb");
    assert_eq!(says(&using("new"), &cluster), "on n1");
    cluster.remove_volume_limits("n1");
    place(&mut cluster, holding("pb", "b"), "n1");
    assert_eq!(says(&using("c"), &cluster), "on n1");
}
