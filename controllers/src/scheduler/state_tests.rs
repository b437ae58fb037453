use std::time::Duration;

use serde_json::{Value, json};
use timonier_client::object::Revision;
use timonier_client::watch::Step;
use tokio::time::Instant;

use super::super::storage::StorageStep;
use super::super::view::{NodeView, PodView};
use super::{Action, Outcome, State};

const PORT: &str = "node(s) didn't have free ports for the requested pod ports.";

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
    let mut state = State::new(1);
    state.pods(Step::Reset { objects: pods, revision: Revision(1) }, Instant::now());
    state.nodes(Step::Reset { objects: nodes, revision: Revision(1) });
    no_storage(&mut state);
    state.wake(Instant::now());
    state
}

fn no_storage(state: &mut State) {
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
        None => "nothing".into(),
    }
}

#[test]
fn nothing_is_decided_before_all_lists_are_there() {
    let now = Instant::now();
    let mut state = State::new(1);
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
    assert_eq!(next(&mut state, now), format!("b: 0/1 nodes are available: 1 {PORT}"));
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
    assert!(both.iter().any(|action| action.ends_with(PORT) || action.ends_with("the same")), "{both:?}");
}

#[test]
fn a_failure_that_is_heard_after_the_watch_showed_the_binding_takes_nothing_back() {
    let now = Instant::now();
    let mut state = state(vec![web("a", json!({}))], vec![node("n1")]);
    next(&mut state, now);
    state.pods(changed(web("a", json!({"spec.nodeName": "n1"}))), now);
    state.bound(Outcome::Failed { uid: "a".into() }, now);
    state.pods(changed(web("b", json!({}))), now);
    assert_eq!(next(&mut state, now), format!("b: 0/1 nodes are available: 1 {PORT}"));
    assert_eq!(state.in_flight(), 0);
}

#[test]
fn the_fourth_pod_gets_the_node_of_one_that_ends() {
    let now = Instant::now();
    let bound = |name: &str, node: &str| web(name, json!({"spec.nodeName": node}));
    let pods = vec![bound("a", "n1"), bound("b", "n2"), bound("c", "n3"), web("d", json!({}))];
    let mut state = state(pods, vec![node("n1"), node("n2"), node("n3")]);
    assert_eq!(next(&mut state, now), format!("d: 0/3 nodes are available: 3 {PORT}"));
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
        None => ("nothing", 0),
    };
    assert_eq!(seen(state.decide(now)), ("bind", 7));
    state.nodes(changed(node("n1")));
    assert_eq!(seen(state.decide(now)), ("report", 7));
}
