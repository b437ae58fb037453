//! Laws that hold for any cluster and any sequence of changes.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use crate::fixtures::{node, owned_pod};
use crate::{Cluster, Pod, Resources, Scheduler, Unschedulable};

/// One step in the life of a cluster; nodes and pods are small numbers.
#[derive(Debug, Clone)]
enum Step {
    AddNode { node: u8, cpu: u8, tainted: bool, label: bool },
    RemoveNode { node: u8 },
    Schedule { pod: u8, cpu: u8, port: Option<u8>, owner: u8, picky: bool, tolerant: bool },
    RemovePod { pod: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..6u8, 1..5u8, any::<bool>(), any::<bool>())
            .prop_map(|(node, cpu, tainted, label)| Step::AddNode { node, cpu, tainted, label }),
        1 => (0..6u8).prop_map(|node| Step::RemoveNode { node }),
        6 => (0..30u8, 0..4u8, proptest::option::of(0..2u8), 0..3u8, any::<bool>(), any::<bool>())
            .prop_map(|(pod, cpu, port, owner, picky, tolerant)| {
                Step::Schedule { pod, cpu, port, owner, picky, tolerant }
            }),
        2 => (0..30u8).prop_map(|pod| Step::RemovePod { pod }),
    ]
}

fn a_pod(pod: u8, cpu: u8, port: Option<u8>, owner: u8, picky: bool, tolerant: bool) -> Pod {
    let ports = port.map_or(json!([]), |port| json!([{"containerPort": 1, "hostPort": 80 + port}]));
    owned_pod(
        &format!("p{pod}"),
        Some(&format!("rs{owner}")),
        json!({
            "containers": [{"name": "c", "ports": ports, "resources": {"requests": {
                "cpu": cpu.to_string(), "example.com/gpu": (cpu % 2).to_string(),
            }}}],
            "nodeSelector": if picky { json!({"picky": "yes"}) } else { json!({}) },
            "tolerations": if tolerant { json!([{"operator": "Exists"}]) } else { json!([]) },
        }),
    )
}

fn play(
    seed: u64,
    steps: &[Step],
    mut check: impl FnMut(&Cluster, &Pod, &Result<Arc<str>, Unschedulable>),
) -> (Cluster, Vec<Option<Arc<str>>>) {
    let mut cluster = Cluster::new();
    let mut scheduler = Scheduler::new(seed);
    let mut chosen = Vec::new();
    for step in steps {
        match step {
            Step::AddNode { node: n, cpu, tainted, label } => {
                let taints = if *tainted { json!([{"key": "k", "effect": "NoSchedule"}]) } else { json!([]) };
                // A node that shrinks under its pods would be overcommitted by its own doing.
                cluster.remove_node(&format!("n{n}"));
                for pod in 0..30 {
                    if cluster.node_of(&format!("p{pod}")).is_some_and(|on| **on == *format!("n{n}")) {
                        cluster.remove_pod(&format!("p{pod}"));
                    }
                }
                cluster.set_node(node(
                    &format!("n{n}"),
                    json!({
                        "metadata": {"labels": if *label { json!({"picky": "yes", "topology.kubernetes.io/zone": "a"}) } else { json!({}) }},
                        "spec": {"taints": taints},
                        "status": {"allocatable": {"cpu": cpu.to_string(), "pods": "4", "example.com/gpu": "2"}},
                    }),
                ));
            }
            Step::RemoveNode { node } => cluster.remove_node(&format!("n{node}")),
            Step::RemovePod { pod } => drop(cluster.remove_pod(&format!("p{pod}"))),
            Step::Schedule { pod, cpu, port, owner, picky, tolerant } => {
                let pod = a_pod(*pod, *cpu, *port, *owner, *picky, *tolerant);
                if cluster.node_of(&pod.uid).is_some() {
                    continue;
                }
                let answer = scheduler.schedule(&pod, &cluster).map(|decision| decision.node);
                check(&cluster, &pod, &answer);
                if let Ok(node) = &answer {
                    cluster.set_pod(Arc::new(pod), node);
                }
                chosen.push(answer.ok());
            }
        }
    }
    (cluster, chosen)
}

proptest! {
    #[test]
    fn no_node_is_ever_overcommitted(seed: u64, steps in proptest::collection::vec(step(), 1..120)) {
        let (cluster, _) = play(seed, &steps, |_, _, _| {});
        for node in cluster.nodes() {
            let used = node.usage();
            prop_assert!(used.pod_count() as i64 <= node.max_pods);
            prop_assert!(used.requested().milli_cpu <= node.allocatable.milli_cpu);
            let gpu = "example.com/gpu";
            prop_assert!(used.requested().extended(gpu) <= node.allocatable.extended(gpu));
            let ports = used.host_ports();
            for (at, port) in ports.iter().enumerate() {
                prop_assert!(!ports[at + 1..].iter().any(|other| other.conflicts_with(port)));
            }
        }
    }

    #[test]
    fn every_refused_node_is_explained(seed: u64, steps in proptest::collection::vec(step(), 1..120)) {
        play(seed, &steps, |cluster, pod, answer| match answer {
            Err(Unschedulable::NoNodes) => assert!(cluster.nodes().is_empty()),
            Err(Unschedulable::Refused(why)) => {
                for (at, node) in cluster.nodes().iter().enumerate() {
                    assert!(!why.words_at(at).is_empty(), "{} for {}", node.name, pod.name);
                }
                assert!(why.to_string().starts_with(&format!("0/{} nodes are available: ", cluster.nodes().len())));
                assert!(!why.curable_by().is_none());
            }
            Ok(node) => assert!(cluster.node(node).is_some()),
        });
    }

    #[test]
    fn the_same_seed_decides_the_same(seed: u64, steps in proptest::collection::vec(step(), 1..120)) {
        prop_assert_eq!(play(seed, &steps, |_, _, _| {}).1, play(seed, &steps, |_, _, _| {}).1);
    }

    #[test]
    fn the_pods_of_a_zone_are_those_of_its_nodes(seed: u64, steps in proptest::collection::vec(step(), 1..120)) {
        let (cluster, _) = play(seed, &steps, |_, _, _| {});
        for controller in ["rs0", "rs1", "rs2"] {
            let in_zone = cluster.nodes().iter().filter(|node| node.zone.is_some());
            let pods: u32 = in_zone.map(|node| node.usage().pods_of(controller)).sum();
            let counted: u32 = cluster.zones().of(controller).iter().map(|(_, pods)| pods).sum();
            prop_assert_eq!(pods, counted);
        }
    }

    #[test]
    fn removing_every_pod_leaves_every_node_as_it_came(seed: u64, steps in proptest::collection::vec(step(), 1..120)) {
        let (mut cluster, _) = play(seed, &steps, |_, _, _| {});
        for pod in 0..30 {
            cluster.remove_pod(&format!("p{pod}"));
        }
        prop_assert_eq!(cluster.pod_count(), 0);
        for node in cluster.nodes() {
            prop_assert_eq!(node.usage().requested(), &Resources::default());
            prop_assert_eq!(node.usage().weight(), (0, 0));
            prop_assert!(node.usage().host_ports().is_empty());
            prop_assert!(cluster.zones().of("rs0").is_empty());
        }
    }
}

#[test]
fn pods_are_counted_whichever_comes_first_they_or_their_node() {
    let pod = Arc::new(a_pod(1, 2, None, 0, false, false));
    let name: Arc<str> = Arc::from("n1");
    let mut cluster = Cluster::new();
    cluster.set_pod(pod.clone(), &name);
    cluster.set_node(node("n1", json!({})));
    assert_eq!(cluster.node("n1").expect("there").usage().requested().milli_cpu, 2000);
    cluster.remove_node("n1");
    cluster.set_node(node("n1", json!({})));
    assert_eq!(cluster.node("n1").expect("there").usage().requested().milli_cpu, 2000);
    cluster.set_pod(pod, &Arc::from("n2"));
    assert!(cluster.node("n1").expect("there").usage().requested().is_zero());
}

#[test]
fn many_nodes_all_have_their_turn() {
    let mut cluster = Cluster::new();
    for n in 0..1000 {
        cluster.set_node(node(&format!("n{n}"), json!({})));
    }
    let mut scheduler = Scheduler::new(3);
    let first = scheduler.schedule(&a_pod(1, 2, None, 0, false, false), &cluster).expect("fits");
    assert!(first.evaluated < 1000, "a sample is enough, not {}", first.evaluated);
    for pod in 0..200 {
        let pod = a_pod(pod, 2, None, 0, false, false);
        let node = scheduler.schedule(&pod, &cluster).expect("fits").node;
        cluster.set_pod(Arc::new(pod), &node);
    }
    let most = cluster.nodes().iter().map(|node| node.usage().pod_count()).max();
    assert_eq!(most, Some(1));
}
