use serde_json::{Value, json};

use crate::fixtures::{cluster, labelled, node, owned_pod, place, pod, requesting};
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
    place(&mut nodes, owned_pod("web-0", Some("rs"), json!({})), "a1");
    assert_eq!(winner(&owned_pod("web-1", Some("rs"), json!({})), &nodes), "b1");
    place(&mut nodes, owned_pod("web-1", Some("rs"), json!({})), "b1");
    let third = Scheduler::new(0).schedule(&owned_pod("web-2", Some("rs"), json!({})), &nodes).expect("fits").node;
    assert!(["a2", "a3"].contains(&&*third), "{third} has one already");
}

/// Nodes a1, a2 and b1 in zones a and b, with a pod of app `web` on a1.
fn zones_with_web_in_a() -> Cluster {
    let labels = |host: &str, zone: &str| json!({"metadata": {"labels": {"host": host, "zone": zone}}});
    let mut nodes =
        cluster([node("a1", labels("a1", "a")), node("a2", labels("a2", "a")), node("b1", labels("b1", "b"))]);
    place(&mut nodes, labelled("web-0", json!({"app": "web"}), json!({})), "a1");
    nodes
}

#[test]
fn soft_constraints_prefer_the_domain_with_fewer() {
    let nodes = zones_with_web_in_a();
    let pod = labelled(
        "web-1",
        json!({"app": "web"}),
        json!({"topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "web"}},
        }]}),
    );
    assert_eq!(winner(&pod, &nodes), "b1");
}

#[test]
fn preferred_affinity_draws_and_preferred_anti_affinity_repels() {
    let nodes = zones_with_web_in_a();
    let preferring = |kind: &str, key: &str| {
        labelled(
            "p",
            json!({}),
            json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": key}},
            ]}}}),
        )
    };
    assert_eq!(winner(&preferring("podAffinity", "host"), &nodes), "a1");
    assert_eq!(winner(&preferring("podAntiAffinity", "zone"), &nodes), "b1");
}

#[test]
fn what_existing_pods_prefer_counts_for_those_that_come() {
    let mut nodes = zones_with_web_in_a();
    let guard = |kind: &str| {
        labelled(
            "guard",
            json!({}),
            json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "host"}},
            ]}}}),
        )
    };
    place(&mut nodes, guard("podAffinity"), "a2");
    assert_eq!(winner(&labelled("db", json!({"app": "db"}), json!({})), &nodes), "a2");
    assert_eq!(winner(&labelled("other", json!({"app": "x"}), json!({})), &nodes), "b1", "it is meant for others");
}

#[test]
fn a_node_that_has_a_large_image_wins_unless_hardly_any_has_it() {
    let has = |bytes: i64| json!({"status": {"images": [{"names": ["shop/web:latest"], "sizeBytes": bytes}]}});
    let uses = |image: &str| pod("p", json!({"containers": [{"name": "c", "image": image}]}));
    let mut nodes = two(json!({}), has(1 << 30));
    assert_eq!(winner(&uses("shop/web"), &nodes), "n2");
    // A little load outweighs a small image.
    nodes.set_node(node("n2", has(1 << 20)));
    place(&mut nodes, requesting("r", json!({"cpu": "1", "memory": "2Gi"})), "n2");
    assert_eq!(winner(&uses("shop/web:latest"), &nodes), "n1");
    assert_eq!(nodes.nodes_with_image("shop/web:latest"), Some(1));
    nodes.remove_node("n2");
    assert_eq!(nodes.nodes_with_image("shop/web:latest"), None);
}
