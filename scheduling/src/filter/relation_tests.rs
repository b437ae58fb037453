//! Topology spread, affinity and anti-affinity between pods.

use serde_json::{Value, json};

use crate::fixtures::{cluster, labelled, node, place};
use crate::{Cluster, Inquiry, Pod, Profile, Reason, Scheduler};

const SPREAD: &str = "node(s) didn't match pod topology spread constraints";
const AFFINITY: &str = "node(s) didn't match pod affinity rules";
const ANTI: &str = "node(s) didn't match pod anti-affinity rules";
const EXISTING: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// Nodes named by zone and number, such as `a1`, with labels `zone` and `host`.
fn zoned(names: &[&str]) -> Cluster {
    cluster(names.iter().map(|name| node(name, json!({"metadata": {"labels": {"zone": &name[..1], "host": name}}}))))
}

fn app(name: &str, app: &str, spec: Value) -> Pod {
    labelled(name, json!({"app": app, "version": "1"}), spec)
}

fn web(cluster: &mut Cluster, nodes: &[&str]) {
    for (at, node) in nodes.iter().enumerate() {
        place(cluster, app(&format!("web-{at}"), "web", json!({})), node);
    }
}

/// Where the pod can go, or why nowhere.
fn goes(pod: &Pod, cluster: &Cluster) -> String {
    let mut cluster = cluster.clone();
    let profile = Profile::default();
    let inquiry = Inquiry::new(&profile, pod, &mut cluster);
    let nodes = inquiry.cluster().nodes().iter();
    let mut fitting: Vec<_> = nodes.filter(|node| inquiry.judge(node).is_empty()).map(|node| &*node.name).collect();
    fitting.sort_unstable();
    match Scheduler::new(1).schedule(pod, inquiry.cluster()) {
        Ok(decision) => {
            assert!(fitting.contains(&&*decision.node), "{} is not in {fitting:?}", decision.node);
            fitting.join(" ")
        }
        Err(refused) => {
            assert!(fitting.is_empty(), "{fitting:?}: {refused}");
            let said = refused.to_string();
            said.split_once(": ").map_or("", |(_, why)| why).trim_end_matches('.').to_owned()
        }
    }
}

fn spreading(over: Value) -> Pod {
    let mut constraint = json!({
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    });
    for (key, value) in over.as_object().expect("a map") {
        constraint[key] = value.clone();
    }
    app("new", "web", json!({"topologySpreadConstraints": [constraint]}))
}

#[test]
fn a_hard_constraint_keeps_the_skew() {
    let mut nodes = zoned(&["a1", "a2", "b1", "c1"]);
    web(&mut nodes, &["a1", "b1"]);
    assert_eq!(goes(&spreading(json!({})), &nodes), "c1");
    assert_eq!(goes(&spreading(json!({"maxSkew": 2})), &nodes), "a1 a2 b1 c1");
    assert_eq!(goes(&spreading(json!({"topologyKey": "host"})), &nodes), "a2 c1");
    // A pod that its own selector does not match adds nothing to a domain.
    let other = json!({"labelSelector": {"matchLabels": {"app": "other"}}});
    assert_eq!(goes(&spreading(other), &nodes), "a1 a2 b1 c1");
    // Neither does an empty selector, which counts no pods.
    assert_eq!(goes(&spreading(json!({"labelSelector": {}})), &nodes), "a1 a2 b1 c1");
}

#[test]
fn a_refusal_for_skew_has_its_numbers() {
    let mut nodes = zoned(&["a1", "b1"]);
    web(&mut nodes, &["a1", "a1"]);
    let (pod, profile) = (spreading(json!({})), Profile::default());
    let inquiry = Inquiry::new(&profile, &pod, &mut nodes);
    let objections = inquiry.judge(inquiry.cluster().node("a1").expect("there"));
    let Some(Reason::Skew(skew)) = objections.first().and_then(|o| o.reasons.first()) else { panic!("{objections:?}") };
    assert_eq!((&*skew.key, &*skew.domain, skew.matching, skew.fewest, skew.max_skew), ("zone", "a", 2, 0, 1));
    assert!(skew.matches_itself && skew.domains == 2);
}

#[test]
fn pods_that_are_being_deleted_and_those_of_other_namespaces_are_not_spread_with() {
    let mut nodes = zoned(&["a1", "b1"]);
    let mut leaving = app("leaving", "web", json!({}));
    leaving.terminating = true;
    place(&mut nodes, leaving, "a1");
    let mut elsewhere = app("elsewhere", "web", json!({}));
    elsewhere.namespace = "other".into();
    place(&mut nodes, elsewhere, "a1");
    assert_eq!(goes(&spreading(json!({})), &nodes), "a1 b1");
}

#[test]
fn a_node_without_the_label_is_refused() {
    let mut nodes = zoned(&["a1"]);
    nodes.set_node(node("x1", json!({})));
    web(&mut nodes, &["a1"]);
    assert_eq!(goes(&spreading(json!({})), &nodes), "a1");
    nodes.remove_node("a1");
    assert_eq!(goes(&spreading(json!({})), &nodes), format!("1 {SPREAD} (missing required label)"));
}

#[test]
fn with_too_few_domains_the_fewest_count_as_none() {
    let mut nodes = zoned(&["a1", "b1"]);
    web(&mut nodes, &["a1", "b1"]);
    assert_eq!(goes(&spreading(json!({"minDomains": 2})), &nodes), "a1 b1");
    assert_eq!(goes(&spreading(json!({"minDomains": 3})), &nodes), format!("2 {SPREAD}"));
}

#[test]
fn nodes_that_the_pod_excludes_are_no_part_of_the_topology_unless_it_says_so() {
    let mut nodes = zoned(&["a1", "b1", "c1"]);
    web(&mut nodes, &["a1", "b1"]);
    let picky = |policy: &str| {
        let mut pod = spreading(json!({"nodeAffinityPolicy": policy}));
        let term = json!({"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}]});
        pod.node_affinity = Some(crate::selector::NodeSelector::parse(&serde_json::from_value(term).expect("terms")));
        pod
    };
    assert_eq!(goes(&picky("Honor"), &nodes), "a1 b1");
    let not_matched = "1 node(s) didn't match Pod's node affinity/selector";
    assert_eq!(goes(&picky("Ignore"), &nodes), format!("{not_matched}, 2 {SPREAD}"));
}

#[test]
fn tainted_nodes_are_part_of_the_topology_unless_the_pod_says_otherwise() {
    let mut nodes = zoned(&["a1"]);
    nodes.set_node(node("b1", json!({
        "metadata": {"labels": {"zone": "b", "host": "b1"}}, "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
    })));
    web(&mut nodes, &["a1"]);
    let tainted = "1 node(s) had untolerated taint(s)";
    let ignoring = format!("1 {SPREAD}, {tainted}");
    assert_eq!(goes(&spreading(json!({})), &nodes), ignoring);
    assert_eq!(goes(&spreading(json!({"nodeTaintsPolicy": "Honor"})), &nodes), "a1");
}

#[test]
fn match_label_keys_spread_each_version_by_itself() {
    let mut nodes = zoned(&["a1", "b1"]);
    place(&mut nodes, labelled("old", json!({"app": "web", "version": "0"}), json!({})), "a1");
    assert_eq!(goes(&spreading(json!({})), &nodes), "b1");
    assert_eq!(goes(&spreading(json!({"matchLabelKeys": ["version", "absent"]})), &nodes), "a1 b1");
}

#[test]
fn several_constraints_must_all_hold() {
    let mut nodes = zoned(&["a1", "a2", "b1"]);
    web(&mut nodes, &["a1", "b1"]);
    let both = |key: &str| {
        json!({
            "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}},
        })
    };
    let pod = app("new", "web", json!({"topologySpreadConstraints": [both("zone"), both("host")]}));
    assert_eq!(goes(&pod, &nodes), "a2");
}

fn term(app: &str, key: &str, over: Value) -> Value {
    let mut term = json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key});
    for (key, value) in over.as_object().expect("a map") {
        term[key] = value.clone();
    }
    term
}

fn with(kind: &str, terms: Value) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

#[test]
fn affinity_wants_a_companion_in_the_domain() {
    let mut nodes = zoned(&["a1", "a2", "b1"]);
    let to_web = |key: &str| app("new", "db", with("podAffinity", json!([term("web", key, json!({}))])));
    assert_eq!(goes(&to_web("zone"), &nodes), format!("3 {AFFINITY}"));
    web(&mut nodes, &["a1"]);
    assert_eq!(goes(&to_web("zone"), &nodes), "a1 a2");
    assert_eq!(goes(&to_web("host"), &nodes), "a1");
    assert_eq!(goes(&to_web("rack"), &nodes), format!("3 {AFFINITY}"));
}

#[test]
fn one_companion_must_satisfy_all_terms() {
    let mut nodes = zoned(&["a1", "b1"]);
    place(&mut nodes, labelled("x", json!({"app": "web"}), json!({})), "a1");
    place(&mut nodes, labelled("y", json!({"tier": "front"}), json!({})), "a1");
    let tier = json!({"labelSelector": {"matchLabels": {"tier": "front"}}, "topologyKey": "host"});
    let pod = app("new", "db", with("podAffinity", json!([term("web", "host", json!({})), tier])));
    assert_eq!(goes(&pod, &nodes), format!("2 {AFFINITY}"));
    place(&mut nodes, labelled("z", json!({"app": "web", "tier": "front"}), json!({})), "b1");
    assert_eq!(goes(&pod, &nodes), "b1");
}

#[test]
fn the_first_of_pods_that_want_to_be_together_may_go_anywhere() {
    let mut nodes = zoned(&["a1", "b1"]);
    let together = app("new", "web", with("podAffinity", json!([term("web", "zone", json!({}))])));
    assert_eq!(goes(&together, &nodes), "a1 b1");
    web(&mut nodes, &["b1"]);
    assert_eq!(goes(&together, &nodes), "b1");
    let nowhere = app("new", "web", with("podAffinity", json!([term("web", "rack", json!({}))])));
    assert_eq!(goes(&nowhere, &zoned(&["a1"])), format!("1 {AFFINITY}"));
}

#[test]
fn anti_affinity_keeps_away_from_the_domain_and_needs_no_label() {
    let mut nodes = zoned(&["a1", "a2", "b1"]);
    nodes.set_node(node("x1", json!({})));
    web(&mut nodes, &["a1"]);
    let from_web = |key: &str| app("new", "web", with("podAntiAffinity", json!([term("web", key, json!({}))])));
    assert_eq!(goes(&from_web("zone"), &nodes), "b1 x1");
    assert_eq!(goes(&from_web("host"), &nodes), "a2 b1 x1");
    assert_eq!(goes(&from_web("rack"), &nodes), "a1 a2 b1 x1");
    nodes.remove_node("b1");
    nodes.remove_node("x1");
    assert_eq!(goes(&from_web("zone"), &nodes), format!("2 {ANTI}"));
}

#[test]
fn pods_that_are_there_keep_others_away() {
    let mut nodes = zoned(&["a1", "a2", "b1"]);
    let guard = app("guard", "db", with("podAntiAffinity", json!([term("web", "zone", json!({}))])));
    place(&mut nodes, guard, "a1");
    assert_eq!(goes(&app("new", "web", json!({})), &nodes), "b1");
    assert_eq!(goes(&app("new", "other", json!({})), &nodes), "a1 a2 b1");
    nodes.remove_node("b1");
    assert_eq!(goes(&app("new", "web", json!({})), &nodes), format!("2 {EXISTING}"));
    nodes.remove_pod("guard");
    assert_eq!(goes(&app("new", "web", json!({})), &nodes), "a1 a2");
}

#[test]
fn terms_mean_their_own_namespace_unless_they_name_others() {
    let mut nodes = zoned(&["a1", "b1"]);
    let mut elsewhere = app("elsewhere", "web", json!({}));
    elsewhere.namespace = "shop".into();
    place(&mut nodes, elsewhere, "a1");
    nodes.set_namespace("shop".into(), [("team".to_owned(), "red".to_owned())].into());
    let away = |over: Value| app("new", "db", with("podAntiAffinity", json!([term("web", "zone", over)])));
    assert_eq!(goes(&away(json!({})), &nodes), "a1 b1");
    assert_eq!(goes(&away(json!({"namespaces": ["shop"]})), &nodes), "b1");
    assert_eq!(goes(&away(json!({"namespaceSelector": {"matchLabels": {"team": "red"}}})), &nodes), "b1");
    assert_eq!(goes(&away(json!({"namespaceSelector": {"matchLabels": {"team": "blue"}}})), &nodes), "a1 b1");
    assert_eq!(goes(&away(json!({"namespaceSelector": {}})), &nodes), "b1");
    nodes.set_namespace("shop".into(), [("team".to_owned(), "blue".to_owned())].into());
    assert_eq!(goes(&away(json!({"namespaceSelector": {"matchLabels": {"team": "red"}}})), &nodes), "a1 b1");
}

#[test]
fn label_keys_narrow_terms_to_the_same_or_to_other_values() {
    let mut nodes = zoned(&["a1", "b1"]);
    place(&mut nodes, labelled("old", json!({"app": "web", "version": "0"}), json!({})), "a1");
    let away = |over: Value| app("new", "web", with("podAntiAffinity", json!([term("web", "zone", over)])));
    assert_eq!(goes(&away(json!({})), &nodes), "b1");
    assert_eq!(goes(&away(json!({"matchLabelKeys": ["version"]})), &nodes), "a1 b1");
    assert_eq!(goes(&away(json!({"mismatchLabelKeys": ["version"]})), &nodes), "b1");
    place(&mut nodes, labelled("same", json!({"app": "web", "version": "1"}), json!({})), "b1");
    assert_eq!(goes(&away(json!({"matchLabelKeys": ["version"]})), &nodes), "a1");
}
