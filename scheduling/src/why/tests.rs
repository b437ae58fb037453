use std::sync::Arc;

use serde_json::{Value, json};

use super::document::Step;
use super::*;
use crate::fixtures::{cluster, node, owned_pod, place, pod, requesting};

fn subject(pod: Pod) -> Subject {
    Subject { pod: Arc::new(pod), node: None, gates: vec![], served: vec!["default-scheduler".into()], ended: false }
}

fn told(subject: &Subject, cluster: &mut Cluster) -> Explanation {
    let classes = [("low", 10), ("high", 1000), ("higher", 2000), ("system-node-critical", 2_000_001_000)];
    let classes: Vec<_> = classes.map(|(name, value)| PriorityClass { name: name.into(), value }).into();
    let profile = Profile::default();
    let asked = Question { pod: &subject.pod, profile: &profile, classes: &classes, every_node: false };
    explain(subject, &asked, cluster, Basis::default())
}

fn why(pod: Pod, cluster: &mut Cluster) -> Explanation {
    told(&subject(pod), cluster)
}

/// The summaries of all changes.
fn changes(told: &Explanation) -> Vec<&str> {
    told.changes.iter().map(|change| &*change.summary).collect()
}

fn details(told: &Explanation) -> Vec<String> {
    let group = |group: &document::Group| {
        let details: Vec<_> = group.refusals.iter().map(|refusal| &*refusal.detail).collect();
        format!("{} {}: {}", group.count, group.nodes.join(","), details.join("; "))
    };
    told.groups.iter().map(group).collect()
}

fn of(name: &str, priority: i64, requests: Value) -> Pod {
    pod(name, json!({"priority": priority, "containers": [{"name": "c", "resources": {"requests": requests}}]}))
}

#[test]
fn too_little_cpu_is_told_in_numbers_and_the_least_that_must_give_way() {
    let mut nodes = cluster([node("n1", json!({})), node("n2", json!({}))]);
    place(&mut nodes, of("a", 0, json!({"cpu": "2500m"})), "n1");
    place(&mut nodes, of("b", 0, json!({"cpu": "3"})), "n2");
    let told = why(requesting("p", json!({"cpu": "2"})), &mut nodes);
    assert_eq!(told.verdict, Verdict::Unschedulable);
    assert_eq!(details(&told), ["2 n1,n2: cpu: wants 2, 1.5 of 4 free"]);
    assert_eq!(
        changes(&told),
        [
            "Let the pod request 0.5 less cpu: 1.5: it then fits on n1",
            "Give the pod the priority class low (10), for which pod default/a would be preempted",
            "Remove pod default/a from node n1",
            "Add another node like n1",
        ]
    );
    assert_eq!(told.changes[0].steps, [Step::LowerRequest { resource: "cpu".into(), from: 2000, to: 1500 }]);
    assert_eq!(told.changes[2].commands, ["kctl delete pod/a -n default"]);
}

#[test]
fn everything_against_a_node_is_told_and_put_right_together() {
    let mut nodes = cluster([node(
        "n1",
        json!({"spec": {"unschedulable": true, "taints": [{"key": "team", "value": "a", "effect": "NoSchedule"}]}}),
    )]);
    let told = why(pod("p", json!({"nodeSelector": {"disk": "ssd"}})), &mut nodes);
    assert_eq!(
        details(&told),
        [
            "1 n1: the node is cordoned; taint team=a:NoSchedule is not tolerated; wants the label disk=ssd, which is not there"
        ]
    );
    assert_eq!(
        changes(&told)[0],
        "Uncordon node n1, and let the pod tolerate the taint team=a:NoSchedule, and label node n1 disk=ssd"
    );
    let untainted = told.changes.iter().find(|change| change.steps[1].node().is_some()).expect("another way");
    assert_eq!(
        untainted.commands,
        ["kctl uncordon n1", "kctl taint node n1 team:NoSchedule-", "kctl label --overwrite node n1 disk=ssd"]
    );
}

#[test]
fn a_pods_own_siblings_are_not_offered_to_make_room() {
    let port = || json!({"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
    let mut nodes = cluster([node("n1", json!({})), node("n2", json!({}))]);
    place(&mut nodes, owned_pod("web-1", Some("rs"), port()), "n1");
    place(&mut nodes, owned_pod("web-2", Some("rs"), port()), "n2");
    let told = why(owned_pod("web-3", Some("rs"), port()), &mut nodes);
    assert_eq!(details(&told), ["2 n1,n2: host port 80/TCP is taken by default/web-1"]);
    assert_eq!(
        changes(&told),
        [
            "Let the pod take another host port than 80/TCP, or none: it then fits on 2 nodes"
                .replace("2 nodes", "n1 and n2"),
            "Add another node like n1".into()
        ]
    );
}

#[test]
fn a_change_that_does_not_help_is_not_told() {
    // The node is too small, whoever leaves it.
    let mut nodes = cluster([node("n1", json!({}))]);
    let told = why(requesting("p", json!({"cpu": "9"})), &mut nodes);
    assert_eq!(changes(&told), ["Let the pod request 5 less cpu: 4: it then fits on n1"]);
    // A device that no node has.
    let told = why(requesting("p", json!({"example.com/gpu": "1"})), &mut nodes);
    assert_eq!(details(&told), ["1 n1: example.com/gpu: wants 1, 0 of 0 free"]);
    assert_eq!(changes(&told), [""; 0]);
}

#[test]
fn hundreds_of_nodes_are_a_few_groups() {
    let tainted = json!({"spec": {"taints": [{"key": "team", "effect": "NoSchedule"}]}});
    let many = (0..300).map(|n| node(&format!("a{n:03}"), tainted.clone()));
    let few = (0..20).map(|n| node(&format!("b{n:02}"), json!({"spec": {"unschedulable": true}})));
    let mut nodes = cluster(many.chain(few));
    let told = why(pod("p", json!({})), &mut nodes);
    assert_eq!(
        details(&told),
        ["300 a000,a001,a002: taint team:NoSchedule is not tolerated", "20 b00,b01,b02: the node is cordoned"]
    );
    assert_eq!(
        changes(&told),
        [
            "Let the pod tolerate the taint team:NoSchedule: it then fits on 300 nodes",
            "Uncordon node b00",
            "Remove the taint team:NoSchedule from node a000",
            "Add another node like b00",
        ]
    );
}

#[test]
fn a_gated_pod_is_told_what_comes_after_its_gates() {
    let mut nodes = cluster([node("n1", json!({}))]);
    let mut gated = subject(pod("p", json!({})));
    gated.gates = vec!["example.com/quota".into()];
    let free = told(&gated, &mut nodes);
    assert_eq!(
        (free.verdict, &*free.message),
        (Verdict::Gated, "It has scheduling gates: example.com/quota. Without them, the only node would do.")
    );
    assert_eq!(changes(&free), ["Remove the scheduling gate example.com/quota: it then fits on n1"]);
    let mut tight = subject(requesting("p", json!({"cpu": "5"})));
    tight.gates = gated.gates;
    assert_eq!(
        changes(&told(&tight, &mut nodes))[0],
        "Remove the scheduling gate example.com/quota, and let the pod request 1 less cpu: 4: it then fits on n1"
    );
}

#[test]
fn one_that_has_its_node_is_told_the_scores_and_is_not_in_its_own_way() {
    let mut nodes = cluster([node("n1", json!({})), node("n2", json!({}))]);
    place(&mut nodes, of("p", 0, json!({"cpu": "3"})), "n1");
    let placed = Subject { node: Some("n1".into()), ..subject(of("p", 0, json!({"cpu": "3"}))) };
    let told = told(&placed, &mut nodes);
    assert_eq!((told.verdict, told.nodes.feasible), (Verdict::Scheduled, 2));
    assert_eq!(told.scores.len(), 2);
    assert!(told.scores.iter().all(|score| score.total > 0 && !score.scores.is_empty()), "{told:?}");
    assert_eq!(nodes.node_of("p").map(|node| &**node), Some("n1"), "it is counted again");
}

#[test]
fn asking_leaves_no_trace() {
    let mut nodes = cluster([node("n1", json!({"spec": {"unschedulable": true}})), node("n2", json!({}))]);
    place(&mut nodes, of("a", 0, json!({"cpu": "4"})), "n2");
    let before = format!("{:?}", (nodes.nodes().len(), nodes.pod_count(), nodes.node("n1").map(|n| n.unschedulable)));
    let first = why(requesting("p", json!({"cpu": "2"})), &mut nodes);
    let again = why(requesting("p", json!({"cpu": "2"})), &mut nodes);
    assert_eq!(first, again);
    assert_eq!(
        before,
        format!("{:?}", (nodes.nodes().len(), nodes.pod_count(), nodes.node("n1").map(|n| n.unschedulable)))
    );
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let mut nodes = cluster([node("n1", json!({"spec": {"unschedulable": true}}))]);
    let told = why(requesting("p", json!({"cpu": "9"})), &mut nodes);
    let written = serde_json::to_string(&told).expect("JSON");
    assert_eq!(serde_json::from_str::<Explanation>(&written).expect("an explanation"), told);
}

#[test]
fn pods_that_keep_each_other_away_are_told_by_name_and_number() {
    let labelled = |name: &str, app: &str, spec: Value| {
        let mut made = pod(name, spec);
        made.labels = [("app".to_string(), app.to_string())].into();
        made
    };
    let apart = || {
        let term = json!({"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "rack"});
        json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let rack = || json!({"metadata": {"labels": {"rack": "r"}}});
    let mut nodes = cluster([node("n1", rack()), node("n2", rack())]);
    place(&mut nodes, labelled("a", "db", json!({})), "n1");
    let told = why(pod("p", apart()), &mut nodes);
    assert_eq!(details(&told), ["2 n1,n2: keeps away from 1 pod in rack=r"]);
    assert_eq!(
        changes(&told)[..2],
        [
            "Let the pod's anti-affinity over rack be a preference: it then fits on n1 and n2",
            "Give the pod the priority class low (10), for which pod default/a would be preempted"
        ]
    );
    let mut nodes = cluster([node("n1", rack())]);
    place(&mut nodes, pod("hermit", apart()), "n1");
    let told = why(labelled("p", "db", json!({})), &mut nodes);
    assert_eq!(details(&told), ["1 n1: is kept away by 1 pod in rack=r"]);
    assert_eq!(
        changes(&told)[..2],
        [
            "Give the pod the priority class low (10), for which pod default/hermit would be preempted",
            "Remove pod default/hermit from node n1"
        ]
    );
}

#[test]
fn many_sets_of_reasons_are_counted_reason_by_reason() {
    let mut nodes = Cluster::new();
    for n in 0..500u32 {
        let name = format!("n{n:03}");
        let host = json!({"kubernetes.io/hostname": name, "zone": if n % 3 == 0 { "a" } else { "b" }});
        let taints = match n {
            n if n % 29 == 0 => json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]),
            n if n % 5 == 0 => json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
            _ => json!([]),
        };
        let spec = json!({"taints": taints, "unschedulable": n % 17 == 0});
        nodes.set_node(node(&name, json!({"metadata": {"labels": host}, "spec": spec})));
        let resources = json!({"cpu": format!("{}m", 2000 + 3 * n), "memory": format!("{}Mi", 8 * n + 3000)});
        place(&mut nodes, of(&format!("a{n}"), 0, resources), &name);
    }
    let apart = json!({"labelSelector": {}, "topologyKey": "kubernetes.io/hostname"});
    let resources = json!({"requests": {"cpu": "2", "memory": "3Gi"}});
    let asked = json!({
        "nodeSelector": {"zone": "a"}, "containers": [{"name": "c", "resources": resources}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}},
    });
    let told = why(pod("p", asked), &mut nodes);
    let text = words::text(&told);
    let expected = "\
Pod default/p waits for a node. None of 500 nodes will do.
  500 nodes  InterPodAffinity     keeps away from 1 pod in kubernetes.io/hostname=n001
  499 nodes  NodeResourcesFit     cpu: wants 2, 1.997 of 4 free (on n001)
  333 nodes  NodeAffinity         wants the label zone=a, it is \"b\" (on n001)
  234 nodes  NodeResourcesFit     memory: wants 3Gi, 2.99Gi of 8Gi free (on n266)
  96 nodes   TaintToleration      taint gpu=yes:NoSchedule is not tolerated
  30 nodes   NodeUnschedulable    the node is cordoned
  18 nodes   TaintToleration      taint node.kubernetes.io/not-ready:NoExecute is not tolerated
Together on:
  128 nodes (n001, n002, n004, …):
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.lines().count() < 50, "{text}");
    assert!(!text.contains("let the pod tolerate the taint node.kubernetes.io"), "{text}");
    assert!(words::short(&told).len() <= 7, "{:#?}", words::short(&told));
}
