//! What is counted step by step is what counting from the beginning gives.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{labelled, node};
use crate::{Cluster, Pod};

#[derive(Debug, Clone)]
enum Step {
    SetNode { node: u8, zone: u8 },
    RemoveNode { node: u8 },
    SetPod { pod: u8, node: u8, app: u8, rules: u8, dying: bool },
    RemovePod { pod: u8 },
    Follow { pod: u8, app: u8, rules: u8 },
    SetNamespace { team: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..5u8, 0..4u8).prop_map(|(node, zone)| Step::SetNode { node, zone }),
        1 => (0..5u8).prop_map(|node| Step::RemoveNode { node }),
        6 => (0..20u8, 0..6u8, 0..3u8, 0..5u8, any::<bool>())
            .prop_map(|(pod, node, app, rules, dying)| Step::SetPod { pod, node, app, rules, dying }),
        2 => (0..20u8).prop_map(|pod| Step::RemovePod { pod }),
        2 => (0..20u8, 0..3u8, 0..5u8).prop_map(|(pod, app, rules)| Step::Follow { pod, app, rules }),
        1 => (0..2u8).prop_map(|team| Step::SetNamespace { team }),
    ]
}

fn rules(rules: u8, app: u8) -> Value {
    let selector = json!({"matchLabels": {"app": format!("a{app}")}});
    let term = |key: &str| json!({"labelSelector": selector, "topologyKey": key});
    match rules {
        1 => json!({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector},
            {"maxSkew": 1, "topologyKey": "host", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector},
        ]}),
        2 => json!({"affinity": {"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term("host")],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "podAffinityTerm": term("zone")}],
        }}}),
        3 => json!({"affinity": {"podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term("zone"), term("host")],
        }}}),
        4 => json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
            "namespaceSelector": {"matchLabels": {"team": "t1"}}, "topologyKey": "zone",
        }]}}}),
        _ => json!({}),
    }
}

fn a_pod(pod: u8, app: u8, with: u8, dying: bool) -> Pod {
    let app = app.to_string();
    let mut pod =
        labelled(&format!("p{pod}"), json!({"app": format!("a{app}")}), rules(with, app.parse().unwrap_or(0)));
    pod.terminating = dying;
    pod
}

fn play(steps: &[Step]) -> Cluster {
    let mut cluster = Cluster::new();
    for step in steps {
        match step {
            Step::SetNode { node: n, zone } => {
                let host = format!("h{n}");
                let labels = match zone {
                    0 => json!({"host": host}),
                    zone => json!({"host": host, "zone": format!("z{zone}")}),
                };
                cluster.set_node(node(&format!("n{n}"), json!({"metadata": {"labels": labels}})));
            }
            Step::RemoveNode { node } => {
                cluster.remove_node(&format!("n{node}"));
            }
            Step::SetPod { pod, node, app, rules, dying } => {
                let node: Arc<str> = format!("n{node}").into();
                cluster.set_pod(Arc::new(a_pod(*pod, *app, *rules, *dying)), &node);
            }
            Step::RemovePod { pod } => drop(cluster.remove_pod(&format!("p{pod}"))),
            Step::Follow { pod, app, rules } => cluster.follow(&a_pod(*pod, *app, *rules, false)),
            Step::SetNamespace { team } => {
                let labels = [("team".to_owned(), format!("t{team}"))].into();
                cluster.set_namespace("default".into(), labels);
            }
        }
    }
    cluster
}

/// The same nodes and pods, taken in at once.
fn anew(cluster: &Cluster) -> Cluster {
    let mut fresh = Cluster::new();
    if let Some(labels) = cluster.census().namespaces().of("default") {
        fresh.set_namespace("default".into(), labels.clone());
    }
    for known in cluster.nodes() {
        let labels: Value = known
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        fresh.set_node(node(&known.name, json!({"metadata": {"labels": labels}})));
        for pod in known.usage().pods() {
            fresh.set_pod(pod.clone(), &known.name);
        }
    }
    fresh
}

/// Each domain has the positions of its nodes.
fn members_are_where_they_are(cluster: &Cluster) {
    let topology = cluster.census().topology();
    for key in ["host", "zone"].iter().filter_map(|key| topology.key(key)) {
        let mut members = 0;
        for (at, node) in cluster.nodes().iter().enumerate() {
            if let Some(domain) = node.domains.of(key) {
                members += 1;
                assert_eq!(topology.members(key, domain).filter(|member| *member == at).count(), 1, "{}", node.name);
            }
        }
        assert_eq!(topology.nodes(key), members);
    }
}

/// Every count of every rule, on every node.
fn counts(cluster: &mut Cluster) -> Vec<String> {
    let mut all = Vec::new();
    for with in 1..5u8 {
        for app in 0..3u8 {
            let pod = a_pod(99, app, with, false);
            cluster.follow(&pod);
            let census = cluster.census();
            for (query, key) in pod.relations.counted() {
                let (id, tally, counts) = census.tally(query, key).expect("followed");
                let domains = census.topology().domains(id);
                all.push(format!("{with} {app} {key} {} {} {domains}", counts.total(), counts.fewest(domains)));
                for node in cluster.nodes() {
                    let of_domain = node.domains.of(id).map(|domain| counts.of(domain));
                    all.push(format!("{with} {app} {key} {} {} {of_domain:?}", node.name, tally.on(&node.name)));
                }
            }
            for holding in census.holdings(&pod) {
                for node in cluster.nodes() {
                    let of_domain = node.domains.of(holding.key).map(|domain| holding.counts.of(domain));
                    all.push(format!("{with} {app} {:?} {} {of_domain:?}", holding.held, node.name));
                }
            }
        }
    }
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counting_step_by_step_is_counting_anew(steps in proptest::collection::vec(step(), 1..80)) {
        let mut cluster = play(&steps);
        let mut fresh = anew(&cluster);
        prop_assert_eq!(counts(&mut cluster), counts(&mut fresh));
        members_are_where_they_are(&cluster);
    }
}
