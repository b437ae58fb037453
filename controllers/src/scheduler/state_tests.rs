use std::time::Duration;

use serde_json::{Value, json};
use timonier_client::object::Revision;
use timonier_client::watch::Step;
use tokio::time::Instant;

use timonier_scheduling::Profile;

use super::super::storage::StorageStep;
use super::super::surroundings::SurroundingStep;
use super::super::view::{NodeView, PodView};
use super::{Action, Outcome, State};

const PORT: &str = "node(s) didn't have free ports for the requested pod ports.";

/// What is said on one node where nobody is less important. With three nodes each `1` is a `3`.
const ALONE: &str = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";

fn web(name: &str, over: Value) -> PodView {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1"},
        "spec": {"schedulerName": "default-scheduler", "containers": [
            {"name": "httpd", "ports": [{"containerPort": 80, "hostPort": 80}]},
        ]},
    });
    for (path, value) in over.as_object().expect("a map") {
        let (section, field) = path.split_once('.').expect("section.field");
        pod[section][field] = value.clone();
    }
    serde_json::from_value(pod).expect("a pod")
}

fn node(name: &str) -> NodeView {
    serde_json::from_value(json!({
        "metadata": {"name": name, "resourceVersion": "1"},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }))
    .expect("a node")
}

fn changed<T>(object: T) -> Step<T> {
    Step::Changed { object, revision: Revision(2) }
}

fn state(pods: Vec<PodView>, nodes: Vec<NodeView>) -> State {
    let mut state = fresh();
    state.pods(Step::Reset { objects: pods, revision: Revision(1) }, Instant::now());
    state.nodes(Step::Reset { objects: nodes, revision: Revision(1) });
    no_storage(&mut state);
    state.wake(Instant::now());
    state
}

fn fresh() -> State {
    State::new(1, [("default-scheduler".into(), Profile::default())])
}

fn no_storage(state: &mut State) {
    let revision = Revision(1);
    state.surroundings(SurroundingStep::Namespaces(Step::Reset { objects: vec![], revision }));
    state.surroundings(SurroundingStep::Budgets(Step::Reset { objects: vec![], revision }));
    state.surroundings(SurroundingStep::Drivers(Step::Reset { objects: vec![], revision }));
    state.storage(StorageStep::Claims(Step::Reset { objects: vec![], revision: Revision(1) }));
    state.storage(StorageStep::Volumes(Step::Reset { objects: vec![], revision: Revision(1) }));
    state.storage(StorageStep::Classes(Step::Reset { objects: vec![], revision: Revision(1) }));
}

/// The action in words.
fn next(state: &mut State, now: Instant) -> String {
    state.wake(now);
    match state.decide(now) {
        Some(Action::Bind(binding)) => format!("{} to {}", binding.pod.name, binding.node),
        Some(Action::Report(refusal)) if refusal.is_news => format!("{}: {}", refusal.pod.name, refusal.message),
        Some(Action::Report(refusal)) => format!("{}: the same", refusal.pod.name),
        Some(Action::Preempt(found)) => {
            let victims: Vec<_> = found.victims.iter().map(|victim| &*victim.name).collect();
            format!("{} instead of {} on {}", found.refusal.pod.name, victims.join(" "), found.node)
        }
        None => "nothing".into(),
    }
}

#[test]
fn nothing_is_decided_before_all_lists_are_there() {
    let now = Instant::now();
    let mut state = fresh();
    state.pods(Step::Reset { objects: vec![web("a", json!({}))], revision: Revision(1) }, now);
    assert_eq!(next(&mut state, now), "nothing");
    state.nodes(Step::Reset { objects: vec![node("n1")], revision: Revision(1) });
    assert_eq!(next(&mut state, now), "nothing");
    no_storage(&mut state);
    assert_eq!(next(&mut state, now), "a to n1");
}

#[test]
fn a_node_is_not_given_twice_while_a_binding_is_under_way() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({})), web("b", json!({}))], vec![node("n1")]);
    assert_eq!(next(&mut state, now), "a to n1");
    assert_eq!(next(&mut state, now), format!("b: 0/1 nodes are available: 1 {PORT} {ALONE}"));
    // A late echo of the pod without its node changes nothing.
    state.pods(changed(web("a", json!({}))), now);
    assert_eq!(next(&mut state, now), "nothing");
}

#[test]
fn a_binding_that_fails_frees_the_node_and_the_pod_is_tried_again() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({})), web("b", json!({}))], vec![node("n1")]);
    next(&mut state, now);
    next(&mut state, now);
    state.bound(Outcome::Failed { uid: "a".into() }, now);
    let later = now + Duration::from_secs(2);
    let mut both = [next(&mut state, later), next(&mut state, later)];
    both.sort();
    assert!(both.iter().any(|action| action.ends_with("to n1")), "{both:?}");
    assert!(both.iter().any(|action| action.ends_with(ALONE) || action.ends_with("the same")), "{both:?}");
}

#[test]
fn a_failure_that_is_heard_after_the_watch_showed_the_binding_takes_nothing_back() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({}))], vec![node("n1")]);
    next(&mut state, now);
    state.pods(changed(web("a", json!({"spec.nodeName": "n1"}))), now);
    state.bound(Outcome::Failed { uid: "a".into() }, now);
    state.pods(changed(web("b", json!({}))), now);
    assert_eq!(next(&mut state, now), format!("b: 0/1 nodes are available: 1 {PORT} {ALONE}"));
    assert_eq!(state.in_flight(), 0);
}

#[test]
fn the_fourth_pod_gets_the_node_of_one_that_ends() {
    let now = Instant::now();
    let bound = |name: &str, node: &str| web(name, json!({"spec.nodeName": node}));
    let pods = vec![bound("a", "n1"), bound("b", "n2"), bound("c", "n3"), web("d", json!({}))];
    let mut state = state(pods, vec![node("n1"), node("n2"), node("n3")]);
    assert_eq!(next(&mut state, now), format!("d: 0/3 nodes are available: 3 {PORT} {}", ALONE.replace('1', "3")));
    let ended = web("b", json!({"spec.nodeName": "n2", "status.phase": "Succeeded"}));
    state.pods(changed(ended), now);
    assert_eq!(next(&mut state, now + Duration::from_secs(2)), "d to n2");
}

#[test]
fn a_node_that_arrives_is_tried_and_a_refusal_is_told_once() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({}))], vec![]);
    assert_eq!(next(&mut state, now), "a: no nodes available to schedule pods");
    let told = json!([{"type": "PodScheduled", "status": "False", "message": "no nodes available to schedule pods"}]);
    state.pods(changed(web("a", json!({"status.conditions": told}))), now);
    assert_eq!(next(&mut state, now), "nothing");
    state.nodes(changed(node("n1")));
    assert_eq!(next(&mut state, now + Duration::from_secs(2)), "a to n1");
}

#[test]
fn pods_of_others_gated_deleted_or_ended_ones_are_left_alone() {
    let pods = vec![
        web("other", json!({"spec.schedulerName": "mine"})),
        web("gated", json!({"spec.schedulingGates": [{"name": "later"}]})),
        web("deleted", json!({"metadata.deletionTimestamp": "2026-01-01T00:00:00Z"})),
        web("ended", json!({"status.phase": "Failed"})),
    ];
    let mut state = state(pods, vec![node("n1")]);
    assert_eq!(next(&mut state, Instant::now()), "nothing");
}

#[test]
fn what_a_new_list_does_not_show_is_gone() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({"spec.nodeName": "n1"})), web("b", json!({}))], vec![node("n1")]);
    next(&mut state, now);
    let objects = vec![web("b", json!({}))];
    state.pods(Step::Reset { objects, revision: Revision(9) }, now);
    assert_eq!(next(&mut state, now + Duration::from_secs(2)), "b to n1");
}

#[test]
fn a_decision_carries_the_newest_revision_that_was_seen() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({})), web("b", json!({}))], vec![node("n1")]);
    state.nodes(Step::Progress { revision: Revision(7) });
    state.pods(Step::Progress { revision: Revision(5) }, now);
    let seen = |action| match action {
        Some(Action::Bind(binding)) => ("bind", binding.seen.0),
        Some(Action::Report(refusal)) => ("report", refusal.seen.0),
        Some(Action::Preempt(found)) => ("preempt", found.refusal.seen.0),
        None => ("nothing", 0),
    };
    assert_eq!(seen(state.decide(now)), ("bind", 7));
    state.nodes(changed(node("n1")));
    assert_eq!(seen(state.decide(now)), ("report", 7));
}

fn important(name: &str, priority: i32, over: Value) -> PodView {
    let mut over = over;
    over["spec.priority"] = json!(priority);
    web(name, over)
}

#[test]
fn the_less_important_give_way_and_the_node_is_kept_until_the_last_is_gone() {
    let now = Instant::now();
    let low = || important("low", 1, json!({"spec.nodeName": "n1"}));
    let mut state = state(vec![low(), important("high", 9, json!({}))], vec![node("n1")]);
    assert_eq!(next(&mut state, now), "high instead of low on n1");
    // Late news of the victim do not bring it back, and nobody else gets its place.
    state.pods(changed(low()), now);
    state.pods(changed(important("middle", 5, json!({}))), now);
    assert!(next(&mut state, now).starts_with("middle: 0/1 nodes are available: 1 "));
    assert_eq!(next(&mut state, now + Duration::from_millis(10)), "nothing");
    state.pods(Step::Removed { object: low(), revision: Revision(3) }, now);
    // At once: its back-off does not matter.
    assert_eq!(next(&mut state, now + Duration::from_millis(20)), "high to n1");
    assert!(next(&mut state, now + Duration::from_secs(2)).starts_with("middle: "));
}

#[test]
fn a_victim_that_cannot_be_ended_is_chosen_again() {
    let now = Instant::now();
    let low = important("low", 1, json!({"spec.nodeName": "n1"}));
    let mut state = state(vec![low, important("high", 9, json!({}))], vec![node("n1")]);
    assert_eq!(next(&mut state, now), "high instead of low on n1");
    state.bound(Outcome::Spared { uid: "low".into() }, now);
    assert_eq!(next(&mut state, now), "high instead of low on n1");
}

#[test]
fn a_promise_that_was_written_earlier_is_kept() {
    let now = Instant::now();
    let promised = important("high", 9, json!({"status.nominatedNodeName": "n1"}));
    let mut state = state(vec![promised.clone(), important("low", 1, json!({}))], vec![node("n1"), node("n2")]);
    assert_eq!(next(&mut state, now), "high to n1");
    assert_eq!(next(&mut state, now), "low to n2");
}

#[test]
fn a_more_important_pod_takes_a_promised_node_and_the_promise_is_withdrawn() {
    let now = Instant::now();
    let low = important("low", 1, json!({"spec.nodeName": "n1"}));
    let mut state = state(vec![low.clone(), important("high", 9, json!({}))], vec![node("n1")]);
    assert_eq!(next(&mut state, now), "high instead of low on n1");
    state.pods(changed(important("higher", 10, json!({}))), now);
    state.wake(now);
    match state.decide(now) {
        Some(Action::Preempt(found)) => {
            assert_eq!((&*found.refusal.pod.name, &*found.displaced[0].name), ("higher", "high"));
        }
        other => panic!("{other:?}"),
    }
    state.pods(Step::Removed { object: low, revision: Revision(3) }, now);
    assert_eq!(next(&mut state, now), "higher to n1");
}

#[test]
fn pods_of_unknown_schedulers_are_not_even_looked_at_and_those_of_profiles_are() {
    let now = Instant::now();
    let mut state = State::new(1, [("packing".into(), Profile::default())]);
    no_storage(&mut state);
    state.nodes(Step::Reset { objects: vec![node("n1")], revision: Revision(1) });
    let objects = vec![web("a", json!({"spec.schedulerName": "packing"})), web("b", json!({}))];
    state.pods(Step::Reset { objects, revision: Revision(1) }, now);
    assert_eq!(next(&mut state, now), "a to n1");
    assert_eq!(next(&mut state, now), "nothing");
}

#[test]
fn a_pod_wakes_for_pods_that_its_rules_are_about_and_for_no_others() {
    let start = Instant::now();
    let companion = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "host"},
    ]}});
    let mut state = state(vec![web("a", json!({"spec.affinity": companion, "metadata.labels": {}}))], vec![]);
    let host: NodeView = serde_json::from_value(json!({
        "metadata": {"name": "n1", "resourceVersion": "1", "labels": {"host": "n1"}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }))
    .expect("a node");
    state.nodes(changed(host));
    assert!(
        next(&mut state, start).starts_with("a: 0/1 nodes are available: 1 node(s) didn't match pod affinity rules.")
    );
    let plain = |name: &str, app: &str| {
        web(name, json!({"metadata.labels": {"app": app}, "spec.nodeName": "n1", "spec.containers": [{"name": "c"}]}))
    };
    let later = start + Duration::from_secs(5);
    state.pods(changed(plain("x", "other")), later);
    assert_eq!(next(&mut state, later), "nothing");
    state.pods(changed(plain("y", "db")), later);
    assert_eq!(next(&mut state, later), "a to n1");
}

#[test]
fn who_waits_for_others_to_be_told_to_end_is_left_alone_until_they_are() {
    let now = Instant::now();
    let on = |name: &str, node: &str| important(name, 1, json!({"spec.nodeName": node}));
    let pods = vec![on("a", "n1"), on("b", "n2"), important("high", 9, json!({}))];
    let mut state = state(pods, vec![node("n1"), node("n2")]);
    let first = next(&mut state, now);
    assert!(first.starts_with("high instead of "), "{first}");
    let gone = if first.ends_with("n1") { "b" } else { "a" };
    let later = now + Duration::from_secs(5);
    state.pods(Step::Removed { object: on(gone, "n9"), revision: Revision(3) }, later);
    assert_eq!(next(&mut state, later), "nothing");
    // The victim takes its time, and another place is free.
    state.bound(Outcome::Told { uid: "high".into() }, later);
    let other = next(&mut state, later);
    assert!(other.starts_with("high to ") && !first.ends_with(&other["high to ".len()..]), "{first}, {other}");
}
