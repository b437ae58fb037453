//! Laws that hold for any cluster: a change that is told helps, and no smaller one of its kind does.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::apply::{self, Taken};
use super::document::{Change, Step};
use super::room::{self, Decision};
use super::*;
use crate::budget::Budget;
use crate::configuration::Profiles;
use crate::fixtures::node;
use crate::pipeline::Scheduler;

#[derive(Debug, Clone)]
struct Nodes {
    cpu: u8,
    memory: u8,
    zone: u8,
    tainted: bool,
    cordoned: bool,
    pods: u8,
}

#[derive(Debug, Clone)]
struct Pods {
    node: u8,
    cpu: u8,
    memory: u8,
    priority: u8,
    app: u8,
    port: bool,
    hermit: bool,
    promised: bool,
}

#[derive(Debug, Clone)]
struct Wanted {
    cpu: u8,
    memory: u8,
    priority: u8,
    preempts: bool,
    app: u8,
    port: bool,
    zone: Option<u8>,
    rule: u8,
    gated: bool,
    foreign: bool,
}

fn nodes() -> impl Strategy<Value = Vec<Nodes>> {
    let one = (1..5u8, 1..5u8, 0..3u8, prop::bool::weighted(0.2), prop::bool::weighted(0.2), 1..6u8);
    let one = one.prop_map(|(cpu, memory, zone, tainted, cordoned, pods)| Nodes {
        cpu,
        memory,
        zone,
        tainted,
        cordoned,
        pods,
    });
    prop::collection::vec(one, 1..5)
}

fn pods() -> impl Strategy<Value = Vec<Pods>> {
    let rare = || prop::bool::weighted(0.15);
    let one = (0..5u8, 0..6u8, 0..6u8, 0..4u8, 0..3u8, rare(), rare(), rare());
    let one = one.prop_map(|(node, cpu, memory, priority, app, port, hermit, promised)| Pods {
        node,
        cpu,
        memory,
        priority,
        app,
        port,
        hermit,
        promised,
    });
    prop::collection::vec(one, 0..12)
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let rare = || prop::bool::weighted(0.1);
    let size = (0..10u8, 0..10u8, 0..4u8, any::<bool>(), 0..3u8);
    (size, prop::bool::weighted(0.3), prop::option::weighted(0.3, 0..4u8), 0..6u8, rare(), rare()).prop_map(
        |((cpu, memory, priority, preempts, app), port, zone, rule, gated, foreign)| Wanted {
            cpu,
            memory,
            priority,
            preempts,
            app,
            port,
            zone,
            rule,
            gated,
            foreign,
        },
    )
}

/// Halves of a CPU, quarters of a GiB and a little.
fn made(name: &str, app: u8, priority: u8, (cpu, memory): (u8, u8), port: bool, mut spec: Value) -> Pod {
    let ports = if port { json!([{"containerPort": 1, "hostPort": 80}]) } else { json!([]) };
    let requests =
        json!({"cpu": format!("{}m", u32::from(cpu) * 470), "memory": (u64::from(memory) << 28) + u64::from(memory)});
    spec["containers"] = json!([{"name": "c", "ports": ports, "resources": {"requests": requests}}]);
    spec["priority"] = priority.into();
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": format!("rs{app}"), "controller": true}]);
    let object = json!({"metadata": {"name": name, "namespace": "default", "uid": name,
        "labels": {"app": format!("a{app}")}, "ownerReferences": owner}, "spec": spec});
    Pod::parse(&serde_json::from_value(object).expect("a pod")).expect("quantities")
}

fn apart(app: u8, key: &str) -> Value {
    let term = json!({"labelSelector": {"matchLabels": {"app": format!("a{app}")}}, "topologyKey": key});
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

fn built(nodes: &[Nodes], pods: &[Pods], budgets: &[(u8, u8)]) -> Cluster {
    let mut cluster = Cluster::new();
    for (at, one) in nodes.iter().enumerate() {
        let name = format!("n{at}");
        let taints = if one.tainted { json!([{"key": "team", "effect": "NoSchedule"}]) } else { json!([]) };
        cluster.set_node(node(&name, json!({
            "metadata": {"labels": {"zone": format!("z{}", one.zone), "kubernetes.io/hostname": name}},
            "spec": {"taints": taints, "unschedulable": one.cordoned},
            "status": {"allocatable": {"cpu": one.cpu.to_string(), "memory": format!("{}Gi", one.memory), "pods": one.pods.to_string()}},
        })));
    }
    for (app, allowed) in budgets {
        cluster.set_budget(Budget::parse(
            &serde_json::from_value(json!({
                "metadata": {"name": format!("keep{app}"), "namespace": "default"},
                "spec": {"selector": {"matchLabels": {"app": format!("a{app}")}}},
                "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1},
            }))
            .expect("a budget"),
        ));
    }
    for (at, one) in pods.iter().enumerate() {
        let spec = if one.hermit { apart(one.app, "zone") } else { json!({}) };
        let pod = made(&format!("p{at}"), one.app, one.priority, (one.cpu, one.memory), one.port, spec);
        let node = Arc::from(format!("n{}", usize::from(one.node) % nodes.len()));
        if one.promised { cluster.nominate(&Arc::new(pod), &node) } else { cluster.set_pod(Arc::new(pod), &node) }
    }
    cluster
}

fn asking(wanted: &Wanted) -> Subject {
    let mut spec = match wanted.rule {
        0 => apart(wanted.app, "kubernetes.io/hostname"),
        1 => apart((wanted.app + 1) % 3, "zone"),
        2 | 3 => json!({"topologySpreadConstraints": [{"maxSkew": wanted.rule - 1, "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": format!("a{}", wanted.app)}}}]}),
        _ => json!({}),
    };
    if let Some(zone) = wanted.zone {
        spec["nodeSelector"] = json!({"zone": format!("z{zone}")});
    }
    if !wanted.preempts {
        spec["preemptionPolicy"] = "Never".into();
    }
    if wanted.foreign {
        spec["schedulerName"] = "another".into();
    }
    let pod = made("asking", wanted.app, wanted.priority, (wanted.cpu, wanted.memory), wanted.port, spec);
    Subject {
        pod: Arc::new(pod),
        node: None,
        gates: if wanted.gated { vec!["gate".into()] } else { vec![] },
        served: Profiles::default().names().cloned().collect(),
        ended: false,
    }
}

fn classes() -> Vec<PriorityClass> {
    [1, 2, 3, 5].map(|value| PriorityClass { name: format!("c{value}"), value }).into()
}

/// All that can be told apart of it.
fn print(cluster: &Cluster) -> Vec<String> {
    let mut lines: Vec<_> = cluster
        .nodes()
        .iter()
        .map(|node| {
            let sorted = |pods: &mut dyn Iterator<Item = &Arc<Pod>>| {
                let mut pods: Vec<_> = pods.map(|pod| format!("{pod:?}")).collect();
                pods.sort_unstable();
                pods
            };
            let (pods, nominated) = (sorted(&mut node.usage().pods()), sorted(&mut node.nominated.iter()));
            format!(
                "{} {:?} {:?} {} {} {pods:?} {nominated:?}",
                node.name, node.labels, node.taints, node.unschedulable, node.max_pods
            )
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// What a scheduler makes of the pod when the steps were taken, where they are about a node on that one.
struct After {
    fits: bool,
    room: Option<(String, Vec<String>)>,
}

fn after(steps: &[Step], pod: &Pod, cluster: &Cluster) -> After {
    let (mut pod, mut cluster, mut taken) = (pod.clone(), cluster.clone(), Taken::default());
    if !apply::take(steps, &mut pod, &mut cluster, &mut taken) {
        return After { fits: false, room: None };
    }
    let profile = Profile::default();
    let place = steps.iter().find_map(Step::node).map(str::to_string);
    let room = match room::decide(&pod, &profile, &cluster) {
        Decision::Room(node, victims) => {
            let told = room::told(&node, &victims, &cluster);
            Some((told.node, told.victims)).filter(|(node, _)| place.as_ref().is_none_or(|place| place == node))
        }
        _ => None,
    };
    let fits = match place {
        None => Scheduler::new(1).schedule(&pod, &cluster).is_ok(),
        Some(place) => {
            let inquiry = Inquiry::new(&profile, &pod, &mut cluster);
            inquiry.cluster().node(&place).is_some_and(|node| inquiry.judge(node).is_empty())
        }
    };
    After { fits, room }
}

/// The change with one of its parts a little smaller, in every way.
fn smaller(change: &Change, first: &[Step]) -> Vec<Vec<Step>> {
    let mut all = vec![];
    for (at, step) in change.steps.iter().enumerate().filter(|(_, step)| !first.contains(step)) {
        let mut without = change.steps.clone();
        without.remove(at);
        all.push(without);
        let other = match step.clone() {
            Step::LowerRequest { resource, from, to } => {
                let unit = if resource == "memory" && to % (1 << 20) == 0 { 1 << 20 } else { 1 };
                vec![Step::LowerRequest { resource, from, to: from.min(to + unit) }]
            }
            Step::RaiseMaxSkew { key, to } => vec![Step::RaiseMaxSkew { key, to: to - 1 }],
            Step::RaiseMaxPods { node, to } => vec![Step::RaiseMaxPods { node, to: to - 1 }],
            Step::RemovePods { node, pods, violates } if pods.len() > 1 => {
                let left = (0..pods.len()).map(|gone| {
                    let mut pods = pods.clone();
                    pods.remove(gone);
                    Step::RemovePods { node: node.clone(), pods, violates: violates.clone() }
                });
                left.collect()
            }
            _ => vec![],
        };
        all.extend(other.into_iter().map(|step| {
            let mut steps = change.steps.clone();
            steps[at] = step;
            steps
        }));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_change_that_is_told_helps_and_no_smaller_one_does(
        nodes in nodes(), pods in pods(), budgets in prop::collection::vec((0..3u8, 0..2u8), 0..2), wanted in wanted(),
    ) {
        let mut cluster = built(&nodes, &pods, &budgets);
        let (subject, profile, classes) = (asking(&wanted), Profile::default(), classes());
        cluster.follow(&subject.pod);
        let before = print(&cluster);
        let asked = Question { pod: &subject.pod, profile: &profile, classes: &classes, every_node: false };
        let told = explain(&subject, &asked, &mut cluster, Basis::default());
        prop_assert_eq!(&print(&cluster), &before, "asking changes nothing");

        let pod = &*subject.pod;
        let now = after(&[], pod, &cluster);
        match told.verdict {
            Verdict::Schedulable => prop_assert!(now.fits),
            Verdict::Unschedulable => prop_assert!(!now.fits && now.room.is_none()),
            Verdict::Preempting => prop_assert!(!now.fits && now.room.is_some()),
            _ => {}
        }
        let first = subject.first_steps();
        for change in &told.changes {
            let says = format!("{}: {:?}", change.summary, change.steps);
            prop_assert!(first.iter().all(|step| change.steps.contains(step)), "{}", says);
            let then = after(&change.steps, pod, &cluster);
            match &change.preemption {
                None => prop_assert!(then.fits, "does not help: {says}"),
                Some(room) => prop_assert_eq!(
                    then.room, Some((room.node.clone(), room.victims.clone())), "others make room: {}", says
                ),
            }
            // A priority says by itself whom it makes give way; a lower one does not help.
            if let Some(Step::UsePriorityClass { value, node, preempts, .. }) =
                change.steps.iter().find(|step| matches!(step, Step::UsePriorityClass { .. }))
            {
                let others: Vec<_> =
                    change.steps.iter().filter(|step| !matches!(step, Step::UsePriorityClass { .. })).cloned().collect();
                let at = |priority: i32| {
                    let mut pod = pod.clone();
                    (pod.priority, pod.preempts) = (priority, true);
                    let After { fits, room } = after(&others, &pod, &cluster);
                    let own = |(_, victims): &(String, Vec<String>)| victims.iter().any(|name| {
                        let there = cluster.nodes().iter().flat_map(|node| node.usage().pods());
                        let mut there = there.filter(|other| super::facts::full_name(other) == *name);
                        there.any(|other| other.controller == pod.controller)
                    });
                    (fits, room.filter(|room| !own(room)))
                };
                let (fits, room) = at(*value);
                match preempts.is_empty() {
                    true => prop_assert!(fits, "room is free: {says}"),
                    false => prop_assert_eq!(room, Some((node.clone(), preempts.clone())), "{}", says),
                }
                for lower in classes.iter().filter(|class| class.value < *value && class.value > pod.priority) {
                    prop_assert_eq!(at(lower.value), (false, None), "{} does as well: {}", lower.value, says);
                }
                continue;
            }
            for steps in smaller(change, &first).into_iter().filter(|steps| !steps.is_empty()) {
                prop_assert!(!after(&steps, pod, &cluster).fits, "{:?} is smaller than {}", steps, says);
            }
        }
    }
}
