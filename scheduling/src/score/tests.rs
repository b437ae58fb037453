use serde_json::{Value, json};

use crate::fixtures::{cluster, node, owned_pod, place, pod, requesting};
use crate::{Cluster, Pod, Scheduler};

/// The node that wins whatever the dice say.
fn winner(pod: &Pod, cluster: &Cluster) -> String {
    let mut winners: Vec<_> =
        (0..20).map(|seed| Scheduler::new(seed).schedule(pod, cluster).expect("fits").node.to_string()).collect();
    winners.dedup();
    assert_eq!(winners.len(), 1, "the dice decided");
    winners.remove(0)
}

fn two(first: Value, second: Value) -> Cluster {
    cluster([node("n1", first), node("n2", second)])
}

#[test]
fn the_emptier_node_wins() {
    let mut nodes = two(json!({}), json!({}));
    place(&mut nodes, requesting("r", json!({"cpu": "1", "memory": "2Gi"})), "n1");
    assert_eq!(winner(&pod("p", json!({})), &nodes), "n2");
}

#[test]
fn the_node_that_stays_in_balance_wins_among_equally_used_ones() {
    let mut nodes = two(json!({}), json!({}));
    // Both a quarter used on average: n1 all in memory, n2 evenly.
    place(&mut nodes, requesting("a", json!({"cpu": "0", "memory": "4Gi"})), "n1");
    place(&mut nodes, requesting("b", json!({"cpu": "1", "memory": "2Gi"})), "n2");
    assert_eq!(winner(&requesting("p", json!({"cpu": "400m", "memory": "800Mi"})), &nodes), "n2");
}

#[test]
fn a_soft_taint_is_avoided_unless_tolerated() {
    let soft = json!({"spec": {"taints": [{"key": "k", "effect": "PreferNoSchedule"}]}});
    let mut nodes = two(soft, json!({}));
    place(&mut nodes, requesting("r", json!({"cpu": "1", "memory": "2Gi"})), "n2");
    assert_eq!(winner(&pod("p", json!({})), &nodes), "n2");
    let tolerant = pod("p", json!({"tolerations": [{"key": "k", "operator": "Exists"}]}));
    assert_eq!(winner(&tolerant, &nodes), "n1");
}

#[test]
fn the_heavier_preference_wins() {
    let label = |value: &str| json!({"metadata": {"labels": {"disk": value}}});
    let prefer = |value: &str, weight: i32| {
        json!({"weight": weight, "preference": {
            "matchExpressions": [{"key": "disk", "operator": "In", "values": [value]}],
        }})
    };
    let pod = pod(
        "p",
        json!({"affinity": {"nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [prefer("ssd", 80), prefer("hdd", 20)],
        }}}),
    );
    assert_eq!(winner(&pod, &two(label("hdd"), label("ssd"))), "n2");
}

#[test]
fn pods_of_one_controller_spread_over_nodes() {
    let mut nodes = cluster(["n1", "n2", "n3"].map(|name| node(name, json!({}))));
    let mut scheduler = Scheduler::new(1);
    for index in 0..9 {
        let pod = owned_pod(&format!("web-{index}"), Some("rs"), json!({}));
        let node = scheduler.schedule(&pod, &nodes).expect("fits").node;
        place(&mut nodes, pod, &node);
    }
    for node in nodes.nodes() {
        assert_eq!(node.usage().pods_of("rs"), 3, "{}", node.name);
    }
}

#[test]
fn pods_of_one_controller_spread_over_zones_of_unlike_size() {
    let zone = |zone: &str| json!({"metadata": {"labels": {"topology.kubernetes.io/zone": zone}}});
    let mut nodes =
        cluster([node("a1", zone("a")), node("a2", zone("a")), node("a3", zone("a")), node("b1", zone("b"))]);
    let mut scheduler = Scheduler::new(1);
    for index in 0..4 {
        let pod = owned_pod(&format!("web-{index}"), Some("rs"), json!({}));
        let node = scheduler.schedule(&pod, &nodes).expect("fits").node;
        place(&mut nodes, pod, &node);
    }
    assert_eq!(nodes.node("b1").expect("there").usage().pods_of("rs"), 2);
}
