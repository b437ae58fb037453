use std::sync::Arc;

use serde_json::{Value, json};

use super::{NoPreemption, Preemption};
use crate::budget::Budget;
use crate::fixtures::{cluster, labelled, node, place, pod};
use crate::{Cluster, Pod, Scheduler, Unschedulable};

fn important(name: &str, priority: i32, cpu: &str) -> Pod {
    pod(
        name,
        json!({
            "priority": priority,
            "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}],
        }),
    )
}

/// One that runs since so many seconds after 2026 began.
fn running(name: &str, priority: i32, cpu: &str, since: u32) -> Pod {
    let object = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": &name[..1]}},
        "spec": {"priority": priority, "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"startTime": format!("2026-01-01T00:00:{since:02}Z")},
    });
    Pod::parse(&serde_json::from_value(object).expect("a pod")).expect("quantities")
}

fn preempt(pod: &Pod, cluster: &Cluster) -> Result<Preemption, NoPreemption> {
    let mut scheduler = Scheduler::new(3);
    match scheduler.schedule(pod, cluster) {
        Err(Unschedulable::Refused(why)) => scheduler.preempt(pod, cluster, &why).expect("the profile preempts"),
        other => panic!("{other:?}"),
    }
}

/// The node and the victims, or what is said.
fn says(pod: &Pod, cluster: &Cluster) -> String {
    match preempt(pod, cluster) {
        Ok(found) => {
            let victims: Vec<_> = found.victims.iter().map(|pod| &*pod.name).collect();
            format!("{}: {}", found.node, victims.join(" "))
        }
        Err(why) => why.to_string(),
    }
}

fn nodes(names: &[&str]) -> Cluster {
    cluster(names.iter().map(|name| node(name, json!({}))))
}

#[test]
fn only_less_important_pods_make_room_and_no_more_than_needed() {
    let mut one = nodes(&["n1"]);
    for (name, priority, cpu) in [("a", 5, "1"), ("b", 1, "1"), ("c", 2, "1"), ("d", 20, "1")] {
        place(&mut one, important(name, priority, cpu), "n1");
    }
    assert_eq!(says(&important("p", 10, "1"), &one), "n1: b");
    assert_eq!(says(&important("p", 10, "2"), &one), "n1: c b");
    assert_eq!(says(&important("p", 10, "3"), &one), "n1: a c b");
    assert_eq!(
        says(&important("p", 1, "1"), &one),
        "0/1 nodes are available: 1 No preemption victims found for incoming pod."
    );
    assert_eq!(says(&important("p", 10, "4"), &one), "0/1 nodes are available: 1 Insufficient cpu.");
}

#[test]
fn a_pod_that_must_not_preempt_says_so() {
    let mut one = nodes(&["n1"]);
    place(&mut one, important("a", 0, "4"), "n1");
    let mut polite = important("p", 10, "1");
    polite.preempts = false;
    assert_eq!(says(&polite, &one), "not eligible due to preemptionPolicy=Never.");
}

#[test]
fn nodes_that_no_departure_helps_are_not_thought_about() {
    let taint = json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}});
    let mut three = cluster([node("n1", taint), node("n2", json!({})), node("n3", json!({}))]);
    place(&mut three, important("a", 20, "4"), "n2");
    let small = json!({"status": {"allocatable": {"cpu": "1"}}});
    three.set_node(node("n3", small));
    assert_eq!(
        says(&important("p", 10, "2"), &three),
        "0/3 nodes are available: 1 No preemption victims found for incoming pod, \
         2 Preemption is not helpful for scheduling."
    );
}

#[test]
fn the_node_that_loses_least_is_taken() {
    // Each case: pods of n1, pods of n2, and which node gives way.
    type Pods = &'static [(&'static str, i32, &'static str, u32)];
    let cases: [(Pods, Pods, &str); 4] = [
        (&[("a", 5, "4", 0)], &[("b", 3, "4", 0)], "n2: b"),
        (&[("a", 3, "2", 0), ("b", 3, "2", 0)], &[("c", 3, "2", 0), ("d", 1, "2", 0)], "n2: c d"),
        (&[("a", -5, "2", 0), ("b", -5, "2", 0)], &[("c", -5, "4", 0)], "n2: c"),
        (&[("a", 3, "4", 10)], &[("b", 3, "4", 20)], "n2: b"),
    ];
    for (first, second, expected) in cases {
        let mut two = nodes(&["n1", "n2"]);
        for (pods, node) in [(first, "n1"), (second, "n2")] {
            for (name, priority, cpu, since) in pods {
                place(&mut two, running(name, *priority, cpu, *since), node);
            }
        }
        assert_eq!(says(&important("p", 10, "4"), &two), expected);
    }
}

fn budget(name: &str, app: &str, allowed: i32) -> Budget {
    Budget::parse(
        &serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": app}}},
            "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1},
        }))
        .expect("a budget"),
    )
}

#[test]
fn budgets_are_spared_where_that_is_possible() {
    let mut two = nodes(&["n1", "n2"]);
    place(&mut two, running("a", 1, "4", 0), "n1");
    place(&mut two, running("b", 5, "4", 0), "n2");
    assert_eq!(says(&important("p", 10, "1"), &two), "n1: a");
    two.set_budget(budget("keep", "a", 0));
    assert_eq!(says(&important("p", 10, "1"), &two), "n2: b");
    two.set_budget(budget("keep", "a", 1));
    assert_eq!(says(&important("p", 10, "1"), &two), "n1: a");
    // On one node the protected one stays, though it is less important.
    let mut one = nodes(&["n1"]);
    place(&mut one, running("a", 1, "2", 0), "n1");
    place(&mut one, running("b", 5, "2", 0), "n1");
    one.set_budget(budget("keep", "a", 0));
    let found = preempt(&important("p", 10, "2"), &one).expect("room");
    assert_eq!((&*found.victims[0].name, found.violations), ("b", 0));
    // When nothing else helps, it goes.
    let found = preempt(&important("p", 10, "4"), &one).expect("room");
    assert_eq!((found.victims.len(), found.violations), (2, 1));
}

#[test]
fn room_can_be_made_against_anti_affinity_spread_and_ports() {
    let labels = |zone: &str| json!({"metadata": {"labels": {"zone": zone}}});
    let mut two = cluster([node("n1", labels("a")), node("n2", labels("b"))]);
    let away = |kind: &str| {
        json!({"priority": 10, "affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "zone"},
        ]}}})
    };
    let web = || json!({"app": "web"});
    place(&mut two, labelled("low", web(), json!({})), "n1");
    place(&mut two, labelled("high", web(), json!({"priority": 99})), "n2");
    assert_eq!(says(&labelled("p", json!({}), away("podAntiAffinity")), &two), "n1: low");
    let spread = json!({"priority": 10, "topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }]});
    place(&mut two, labelled("low2", web(), json!({"priority": 1})), "n1");
    two.set_node(node("n2", json!({"metadata": {"labels": {"zone": "b"}}, "spec": {"unschedulable": true}})));
    assert_eq!(says(&labelled("p", web(), spread.clone()), &two).as_str(), "n1: low");
    let port = |name: &str, priority: i32| {
        let ports = json!([{"containerPort": 80, "hostPort": 80}]);
        pod(name, json!({"priority": priority, "containers": [{"name": "c", "ports": ports}]}))
    };
    let mut one = nodes(&["n1"]);
    place(&mut one, port("low", 0), "n1");
    place(&mut one, important("bystander", 0, "1"), "n1");
    assert_eq!(says(&port("p", 10), &one), "n1: low");
}

#[test]
fn a_promised_node_is_kept_from_the_less_important_and_taken_by_the_one_it_was_promised_to() {
    let mut one = nodes(&["n1"]);
    let promised = Arc::new(important("p", 10, "3"));
    one.nominate(&promised, &Arc::from("n1"));
    let schedule = |pod: &Pod, cluster: &Cluster| match Scheduler::new(1).schedule(pod, cluster) {
        Ok(decision) => decision.node.to_string(),
        Err(why) => why.to_string(),
    };
    assert_eq!(schedule(&important("low", 5, "2"), &one), "0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(schedule(&important("equal", 10, "2"), &one), "0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(schedule(&important("high", 11, "2"), &one), "n1");
    assert_eq!(schedule(&promised, &one), "n1");
    one.withdraw_nomination("p");
    assert_eq!(schedule(&important("low", 5, "2"), &one), "n1");
}

#[test]
fn whoever_waits_for_victims_looks_for_no_more() {
    let mut one = nodes(&["n1"]);
    let waiting = Arc::new(important("p", 10, "2"));
    place(&mut one, important("v", 0, "4").to_be_preempted(), "n1");
    one.nominate(&waiting, &Arc::from("n1"));
    assert_eq!(says(&waiting, &one), "not eligible due to a terminating pod on the nominated node.");
    one.withdraw_nomination("p");
    assert_eq!(says(&waiting, &one), "n1: v");
}

#[test]
fn a_budget_that_selects_all_protects_nothing_and_counted_disruptions_are_not_counted_twice() {
    let parse = |value: Value| Budget::parse(&serde_json::from_value(value).expect("a budget"));
    let mut one = nodes(&["n1"]);
    place(&mut one, running("a", 0, "4", 0), "n1");
    let status = |disrupted: Value| {
        json!({
            "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, "disruptedPods": disrupted,
        })
    };
    let meta = json!({"name": "b", "namespace": "default"});
    one.set_budget(parse(json!({"metadata": meta, "spec": {"selector": {}}, "status": status(json!({}))})));
    assert_eq!(preempt(&important("p", 10, "1"), &one).expect("room").violations, 0);
    let selector = json!({"selector": {"matchLabels": {"app": "a"}}});
    let counted = json!({"a": "2026-01-01T00:00:00Z"});
    one.set_budget(parse(json!({"metadata": meta, "spec": selector, "status": status(counted)})));
    assert_eq!(preempt(&important("p", 10, "1"), &one).expect("room").violations, 0);
    one.set_budget(parse(json!({"metadata": meta, "spec": selector, "status": status(json!({}))})));
    assert_eq!(preempt(&important("p", 10, "1"), &one).expect("room").violations, 1);
}
