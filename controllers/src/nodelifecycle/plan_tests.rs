use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::json;
use timonier_client::{Object, Revision};

use super::plan::{Plan, State, plan};
use crate::{
    flags::NodeFlags,
    objects::Node,
    vigil::{Moment, Sighting},
};

/// A cluster whose heartbeats are told by hand.
struct Story {
    state: State,
    moment: Moment,
    leases: HashMap<Arc<str>, Revision>,
    /// Name, what Ready says, whether it has the taint that makes pods leave.
    nodes: Vec<(&'static str, &'static str, bool)>,
}

impl Story {
    fn of(nodes: &[&'static str]) -> Story {
        let nodes = nodes.iter().map(|name| (*name, "True", false)).collect();
        Story { state: State::default(), moment: Moment::default(), leases: HashMap::new(), nodes }
    }

    /// Each second these nodes beat; returns what the last look led to.
    fn pass(&mut self, seconds: u64, beating: &[&str]) -> Plan {
        for _ in 1..seconds {
            self.second(beating);
        }
        self.second(beating)
    }

    fn second(&mut self, beating: &[&str]) -> Plan {
        self.moment.at += Duration::from_secs(1);
        for name in beating {
            *self.leases.entry((*name).into()).or_default() = Revision(self.moment.at.as_secs());
        }
        let nodes: Vec<_> = self.nodes.iter().map(node).collect();
        let sighting = Sighting { moment: self.moment, leases: Arc::new(self.leases.clone()) };
        plan(&mut self.state, &sighting, &nodes, &NodeFlags::default())
    }

    fn says(&mut self, name: &str, ready: &'static str, tainted: bool) {
        let node = self.nodes.iter_mut().find(|node| node.0 == name).expect("a node of the story");
        (node.1, node.2) = (ready, tainted);
    }
}

fn node((name, ready, tainted): &(&'static str, &'static str, bool)) -> Arc<Node> {
    let taints =
        if *tainted { json!([{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]) } else { json!([]) };
    let conditions: Vec<_> = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
        .iter()
        .map(|kind| json!({"type": kind, "status": if *ready == "True" && *kind != "Ready" { "False" } else { ready }}))
        .collect();
    let node = json!({"metadata": {"name": name}, "spec": {"taints": taints}, "status": {"conditions": conditions}});
    Arc::new(serde_json::from_value(node).expect("a node"))
}

fn check(plan: &Plan, unknown: &[&str], evict: &[&str], spare: &[&str]) {
    let names = |nodes: &[Arc<Node>]| nodes.iter().map(|node| node.meta().name.to_string()).collect::<Vec<_>>();
    let leaving: Vec<_> = plan.evict.iter().map(|(node, _)| node.meta().name.to_string()).collect();
    assert_eq!((names(&plan.unknown), leaving, names(&plan.spare)), (own(unknown), own(evict), own(spare)));
}

fn own(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_node_that_falls_silent_is_unknown_after_the_grace_period_and_its_pods_leave() {
    let mut story = Story::of(&["a", "b", "c"]);
    story.pass(10, &["a", "b", "c"]);
    check(&story.pass(49, &["b", "c"]), &[], &[], &[]);
    let late = story.pass(1, &["b", "c"]);
    check(&late, &["a"], &["a"], &[]);
    assert_eq!(late.unready_pods, ["a".into()]);
}

#[test]
fn a_node_that_is_back_keeps_its_pods() {
    let mut story = Story::of(&["a", "b", "c"]);
    story.pass(10, &["a", "b", "c"]);
    story.pass(60, &["b", "c"]);
    story.says("a", "Unknown", false);
    let back = story.pass(1, &["a", "b", "c"]);
    check(&back, &[], &[], &[]);
    assert!(back.unready_pods.is_empty());
}

#[test]
fn when_every_node_is_silent_nobody_has_to_leave() {
    let mut story = Story::of(&["a", "b", "c"]);
    story.pass(10, &["a", "b", "c"]);
    story.pass(4, &["b", "c"]);
    story.pass(4, &["c"]);
    for _ in 0..300 {
        assert!(story.pass(1, &[]).evict.is_empty());
    }
    check(&story.pass(1, &[]), &["a", "b", "c"], &[], &[]);
}

#[test]
fn who_was_to_leave_is_spared_when_the_last_node_falls_silent() {
    let mut story = Story::of(&["a", "b"]);
    story.pass(10, &["a", "b"]);
    check(&story.pass(50, &["b"]), &["a"], &["a"], &[]);
    story.says("a", "Unknown", true);
    check(&story.pass(10, &[]), &[], &[], &[]);
    check(&story.pass(20, &[]), &[], &[], &["a"]);
    // And has time to come back when the other one does.
    story.says("a", "Unknown", false);
    check(&story.pass(49, &["b"]), &[], &[], &[]);
    check(&story.pass(2, &["b"]), &[], &["a"], &[]);
}

#[test]
fn after_our_own_absence_nobody_is_late() {
    let mut story = Story::of(&["a", "b", "c"]);
    story.pass(40, &["b", "c"]);
    story.moment.epoch += 1;
    story.moment.began = story.moment.at;
    check(&story.pass(49, &["b", "c"]), &[], &[], &[]);
}

#[test]
fn nodes_that_say_themselves_that_they_are_not_ready_are_left_too() {
    let mut story = Story::of(&["a", "b", "c"]);
    story.says("a", "False", false);
    let plan = story.pass(1, &["a", "b", "c"]);
    assert_eq!(plan.evict.iter().map(|(_, key)| *key).collect::<Vec<_>>(), ["node.kubernetes.io/not-ready"]);
}

#[test]
fn nodes_lose_their_pods_one_after_the_other() {
    let mut story = Story::of(&["a", "b", "c", "d", "e"]);
    story.pass(10, &["a", "b", "c", "d", "e"]);
    let first = story.pass(50, &["c", "d", "e"]);
    assert_eq!(first.evict.len(), 1);
    let name = first.evict[0].0.meta().name.to_string();
    let name = if name == "a" { "a" } else { "b" };
    story.says(name, "Unknown", true);
    check(&story.pass(9, &["c", "d", "e"]), &[if name == "a" { "b" } else { "a" }], &[], &[]);
    assert_eq!(story.pass(2, &["c", "d", "e"]).evict.len(), 1);
}
