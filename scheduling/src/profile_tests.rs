use std::collections::BTreeSet;

use serde_json::json;

use super::{Profile, Strategy};
use crate::fixtures::{cluster, node, owned_pod, place, requesting};
use crate::{Scheduler, Unschedulable};

fn winners(profile: &Profile, full: &str) -> BTreeSet<String> {
    let mut nodes = cluster(["n1", "n2", "n3"].map(|name| node(name, json!({}))));
    place(&mut nodes, requesting("r", json!({"cpu": "2", "memory": "4Gi"})), full);
    let pod = requesting("p", json!({"cpu": "1", "memory": "1Gi"}));
    let decide = |seed| Scheduler::with_profile(seed, profile.clone()).schedule(&pod, &nodes).expect("fits");
    (0..40).map(|seed| decide(seed).node.to_string()).collect()
}

#[test]
fn each_strategy_prefers_other_nodes() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(winners(&Profile::new(Strategy::Spread), "n2"), names(&["n1", "n3"]));
    assert_eq!(winners(&Profile::new(Strategy::Binpack), "n2"), names(&["n2"]));
    assert_eq!(winners(&Profile::new(Strategy::Random), "n2"), names(&["n1", "n2", "n3"]));
}

#[test]
fn packing_fills_one_node_before_the_next() {
    let mut nodes = cluster(["n1", "n2", "n3"].map(|name| node(name, json!({}))));
    let mut scheduler = Scheduler::with_profile(5, Profile::new(Strategy::Binpack));
    for index in 0..6 {
        let mut pod = owned_pod(&format!("web-{index}"), Some("rs"), json!({}));
        pod.requests.milli_cpu = 2000;
        pod.weight = (2000, 100 << 20);
        let node = scheduler.schedule(&pod, &nodes).expect("fits").node;
        place(&mut nodes, pod, &node);
        let used = nodes.nodes().iter().filter(|node| node.usage().pod_count() > 0).count();
        assert_eq!(used, index / 2 + 1, "two fit on a node");
    }
}

#[test]
fn a_weight_or_a_missing_score_turns_a_decision() {
    let mut profile = Profile::default();
    assert!(profile.weigh("NodeResourcesFit", 0) && profile.disable("NodeResourcesBalancedAllocation"));
    assert_eq!(winners(&profile, "n2").len(), 3, "nothing else makes a difference");
    assert!(!profile.weigh("Nonsense", 1) && !profile.disable("Nonsense"));
}

#[test]
fn a_filter_that_is_left_out_refuses_nothing_and_nobody_makes_room_without_preemption() {
    let tainted = || cluster([node("n1", json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}))]);
    let pod = requesting("p", json!({"cpu": "1"}));
    let mut profile = Profile::default();
    assert!(profile.disable("TaintToleration"));
    assert!(Scheduler::with_profile(1, profile.clone()).schedule(&pod, &tainted()).is_ok());

    let mut full = cluster([node("n1", json!({}))]);
    place(&mut full, requesting("r", json!({"cpu": "4"})), "n1");
    let mut pod = pod;
    pod.priority = 10;
    assert!(profile.disable("DefaultPreemption"));
    for (profile, preempts) in [(Profile::default(), true), (profile, false)] {
        let mut scheduler = Scheduler::with_profile(1, profile);
        let Err(Unschedulable::Refused(why)) = scheduler.schedule(&pod, &full) else { panic!("it is full") };
        assert_eq!(scheduler.preempt(&pod, &full, &why).is_some_and(|found| found.is_ok()), preempts);
    }
}
