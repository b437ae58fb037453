use serde_json::json;

use crate::fixtures::{cluster, node, place, pod, requesting};
use crate::{Change, Cluster, Scheduler};

#[test]
fn three_nodes_with_the_port_taken_are_said_as_kubernetes_says_it() {
    let web = |name: &str| {
        pod(
            name,
            json!({"containers": [
                {"name": "httpd", "ports": [{"containerPort": 80, "hostPort": 80}]},
            ]}),
        )
    };
    let mut nodes = cluster(["n1", "n2", "n3"].map(|name| node(name, json!({}))));
    let mut scheduler = Scheduler::new(7);
    for name in ["web-1", "web-2", "web-3"] {
        let node = scheduler.schedule(&web(name), &nodes).expect("a free node").node;
        place(&mut nodes, web(name), &node);
    }
    let refused = scheduler.schedule(&web("web-4"), &nodes).expect_err("no port is free");
    assert_eq!(
        refused.to_string(),
        "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."
    );
}

#[test]
fn unlike_reasons_are_counted_and_sorted_as_text() {
    let taint = || json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}});
    let nodes = cluster([
        node("n1", taint()),
        node("n2", json!({"status": {"allocatable": {"cpu": "1"}}})),
        node("n3", taint()),
    ]);
    let refused = Scheduler::new(0).schedule(&requesting("p", json!({"cpu": "2"})), &nodes).expect_err("nothing fits");
    assert_eq!(refused.to_string(), "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).");
    let crate::Unschedulable::Refused(explanation) = refused else { panic!("{refused}") };
    assert_eq!(explanation.words_at(2), ["node(s) had untolerated taint(s)"]);
}

#[test]
fn an_empty_cluster_says_so() {
    let refused = Scheduler::new(0).schedule(&pod("p", json!({})), &Cluster::new()).unwrap_err();
    assert_eq!(refused.to_string(), "no nodes available to schedule pods");
    assert!(refused.curable_by().intersects(Change::NODE_ADDED));
}

#[test]
fn a_refusal_is_cured_by_what_its_reasons_depend_on() {
    let nodes = cluster([node("n1", json!({}))]);
    let big = requesting("p", json!({"cpu": "5"}));
    let cure = Scheduler::new(0).schedule(&big, &nodes).expect_err("too big").curable_by();
    for helps in [Change::POD_REMOVED, Change::NODE_ADDED, Change::NODE_ALLOCATABLE] {
        assert!(cure.intersects(helps), "{helps:?}");
    }
    for idle in [Change::NODE_LABELS, Change::NODE_TAINTS, Change::NONE] {
        assert!(!cure.intersects(idle), "{idle:?}");
    }
}
