//! A scheduler that remembers says what one that has just begun would say, and looks at less.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use crate::budget::Budget;
use crate::fixtures::{cluster, labelled, node, place, pod};
use crate::preemption::Preemption;
use crate::{Cluster, Pod, Scheduler, Unschedulable};

#[derive(Debug, Clone)]
enum Step {
    SetNode { node: u8, cpu: u8, tainted: bool },
    RemoveNode { node: u8 },
    SetPod { pod: u8, node: u8, cpu: u8, priority: u8 },
    RemovePod { pod: u8 },
    Nominate { pod: u8, node: u8, cpu: u8, priority: u8, averse: bool },
    Withdraw { pod: u8 },
    SetBudget { app: u8, allowed: u8 },
    Ask { pod: u8, cpu: u8, priority: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..6u8, 1..5u8, any::<bool>()).prop_map(|(node, cpu, tainted)| Step::SetNode { node, cpu, tainted }),
        1 => (0..6u8).prop_map(|node| Step::RemoveNode { node }),
        4 => (0..20u8, 0..6u8, 0..3u8, 0..3u8)
            .prop_map(|(pod, node, cpu, priority)| Step::SetPod { pod, node, cpu, priority }),
        2 => (0..20u8).prop_map(|pod| Step::RemovePod { pod }),
        1 => (20..25u8, 0..6u8, 0..3u8, 0..3u8, any::<bool>())
            .prop_map(|(pod, node, cpu, priority, averse)| Step::Nominate { pod, node, cpu, priority, averse }),
        1 => (20..25u8).prop_map(|pod| Step::Withdraw { pod }),
        1 => (0..2u8, 0..2u8).prop_map(|(app, allowed)| Step::SetBudget { app, allowed }),
        8 => (20..25u8, 2..4u8, 1..4u8).prop_map(|(pod, cpu, priority)| Step::Ask { pod, cpu, priority }),
    ]
}

fn a_pod(pod: u8, cpu: u8, priority: u8, averse: bool) -> Pod {
    let labels = json!({"app": format!("a{}", pod % 2)});
    let term = json!({"labelSelector": {"matchLabels": labels}, "topologyKey": "host"});
    let affinity = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    let spec = json!({"priority": priority, "affinity": if averse { affinity } else { json!(null) }});
    let mut pod = labelled(&format!("p{pod}"), labels, spec);
    pod.requests.milli_cpu = i64::from(cpu) * 1000;
    pod
}

fn budget(app: u8, allowed: u8) -> Budget {
    let object = json!({
        "metadata": {"name": format!("b{app}"), "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": format!("a{app}")}}},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 0, "expectedPods": 1},
    });
    Budget::parse(&serde_json::from_value(object).expect("a budget"))
}

fn take(cluster: &mut Cluster, step: &Step) -> Option<Pod> {
    let name = |node: &u8| Arc::from(format!("n{node}"));
    let uid = |pod: &u8| format!("p{pod}");
    match step {
        Step::SetNode { node: n, cpu, tainted } => {
            let taints = if *tainted { json!([{"key": "k", "effect": "NoSchedule"}]) } else { json!([]) };
            cluster.set_node(node(
                &name(n),
                json!({
                    "metadata": {"labels": {"host": name(n)}}, "spec": {"taints": taints},
                    "status": {"allocatable": {"cpu": cpu.to_string(), "pods": "4"}},
                }),
            ));
        }
        Step::RemoveNode { node } => cluster.remove_node(&name(node)),
        Step::SetPod { pod, node, cpu, priority } => {
            cluster.set_pod(Arc::new(a_pod(*pod, *cpu, *priority, false)), &name(node));
        }
        Step::RemovePod { pod } => drop(cluster.remove_pod(&uid(pod))),
        Step::Nominate { pod, node, cpu, priority, averse } => {
            cluster.nominate(&Arc::new(a_pod(*pod, *cpu, *priority, *averse)), &name(node));
        }
        Step::Withdraw { pod } => drop(cluster.withdraw_nomination(&uid(pod))),
        Step::SetBudget { app, allowed } => drop(cluster.set_budget(budget(*app, *allowed))),
        Step::Ask { pod, cpu, priority } => return Some(a_pod(*pod, *cpu, *priority, false)),
    }
    None
}

/// Everything about a choice that does not depend on where somebody began to look.
fn cost(found: &Preemption) -> (usize, Vec<i32>) {
    (found.violations, found.victims.iter().map(|pod| pod.priority).collect())
}

fn same(remembers: &mut Scheduler, pod: &Pod, cluster: &Cluster) {
    let mut begins = Scheduler::new(7);
    match (remembers.schedule(pod, cluster), begins.schedule(pod, cluster)) {
        (Ok(_), Ok(_)) => {}
        (Err(Unschedulable::Refused(ours)), Err(Unschedulable::Refused(theirs))) => {
            assert_eq!(ours.to_string(), theirs.to_string());
            assert_eq!(ours.curable_by(), theirs.curable_by());
            let ours = remembers.preempt(pod, cluster, &ours).expect("the profile preempts");
            let theirs = begins.preempt(pod, cluster, &theirs).expect("the profile preempts");
            assert_eq!(ours.as_ref().map(cost), theirs.as_ref().map(cost));
        }
        (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_remembered_is_what_a_look_at_everything_gives(steps in proptest::collection::vec(step(), 1..150)) {
        let mut cluster = Cluster::new();
        let mut scheduler = Scheduler::new(1);
        for step in &steps {
            if let Some(pod) = take(&mut cluster, step) {
                same(&mut scheduler, &pod, &cluster);
            }
        }
    }
}

/// A full cluster, and a pod for which others can make room.
fn full(nodes: usize) -> (Cluster, impl Fn(usize) -> Pod) {
    let mut all = cluster((0..nodes).map(|at| node(&format!("n{at}"), json!({}))));
    let requests = |cpu: &str| json!([{"name": "c", "resources": {"requests": {"cpu": cpu}}}]);
    for at in 0..nodes {
        place(&mut all, pod(&format!("old-{at}"), json!({"containers": requests("4")})), &format!("n{at}"));
    }
    (all, move |at| pod(&format!("new-{at}"), json!({"priority": 9, "containers": requests("3")})))
}

#[test]
fn a_crowd_of_like_pods_costs_one_look_at_all_nodes_and_then_a_few() {
    for nodes in [1_000, 5_000] {
        let (mut cluster, newcomer) = full(nodes);
        let mut scheduler = Scheduler::new(5);
        let mut looked_at = Vec::new();
        for at in 0..50 {
            let pod = Arc::new(newcomer(at));
            let Err(Unschedulable::Refused(why)) = scheduler.schedule(&pod, &cluster) else { panic!("a free node") };
            let found = scheduler.preempt(&pod, &cluster, &why).expect("the profile preempts").expect("room");
            looked_at.push(why.looked_at() + found.tried);
            cluster.nominate(&pod, &found.node);
            for victim in &found.victims {
                cluster.set_pod(Arc::new(victim.to_be_preempted()), &found.node);
            }
        }
        assert_eq!(looked_at[0], nodes + 100, "all nodes, and a hundred to choose among");
        assert!(looked_at[1..].iter().all(|looked| *looked <= 4), "{looked_at:?}");
    }
}

#[test]
fn where_room_was_made_is_found_without_a_look_at_the_rest() {
    let (mut cluster, newcomer) = full(1_000);
    let mut scheduler = Scheduler::new(5);
    scheduler.schedule(&newcomer(0), &cluster).expect_err("all is full");
    cluster.remove_pod("old-77");
    let decision = scheduler.schedule(&newcomer(1), &cluster).expect("one is free");
    assert_eq!((&*decision.node, decision.evaluated), ("n77", 1));
    let again = scheduler.schedule(&newcomer(2), &cluster).expect("it is free still");
    assert_eq!((&*again.node, again.evaluated), ("n77", 1));
    let other = pod("other", json!({"priority": 9}));
    assert!(scheduler.schedule(&other, &cluster).expect("asks for nothing").evaluated > 1, "another kind of pod");
}

#[test]
fn who_must_be_with_others_looks_only_where_they_are() {
    for nodes in [1_000, 5_000] {
        let zone = |at: usize| json!({"metadata": {"labels": {"zone": format!("z{}", at % 50)}}});
        let mut all = cluster((0..nodes).map(|at| node(&format!("n{at}"), zone(at))));
        let term = json!({"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": "zone"});
        let affinity = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        let pod = |name: &str| labelled(name, json!({"app": "a"}), json!({"affinity": affinity}));
        place(&mut all, pod("first"), "n7");
        all.follow(&pod("second"));
        let decision = Scheduler::new(5).schedule(&pod("second"), &all).expect("beside the first");
        assert_eq!(decision.evaluated, nodes / 50);
        let at: usize = decision.node[1..].parse().expect("a number");
        assert_eq!(at % 50, 7);
    }
}
