//! Decisions a second, without any API: plain pods, hard topology spread, required affinity, required anti-affinity, and
//! preemption, on 100, 1,000 and 5,000 nodes with six pods each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use timonier_scheduling::{Cluster, Node, Pod, Scheduler, Unschedulable};

const SIZES: [usize; 3] = [100, 1_000, 5_000];
const PODS_ON_A_NODE: usize = 6;
/// Decisions of a case, unless the time is over first.
const DECISIONS: usize = 2_000;
const TIME: Duration = Duration::from_secs(4);

type Case = (&'static str, fn(usize) -> Value);

const CASES: [Case; 5] = [
    ("plain", |_| json!({})),
    ("spread", |_| {
        json!({"topologySpreadConstraints": [{
            "maxSkew": 5, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "new"}},
        }]})
    }),
    ("affinity", |_| affinity("podAffinity", "zone")),
    ("anti-affinity", |_| affinity("podAntiAffinity", "host")),
    ("preempting", |_| json!({"priority": 10})),
];

fn affinity(kind: &str, key: &str) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "new"}}, "topologyKey": key},
    ]}}})
}

fn main() -> Result<()> {
    println!("{:<14} {:>7} {:>10} {:>14} {:>12}", "case", "nodes", "decisions", "µs a decision", "decisions/s");
    for (name, spec) in CASES {
        for nodes in SIZES {
            let (decisions, took) = run(name, spec, nodes)?;
            let each = took.as_secs_f64() / decisions as f64;
            println!("{name:<14} {nodes:>7} {decisions:>10} {:>14.1} {:>12.0}", each * 1e6, 1.0 / each);
        }
    }
    Ok(())
}

fn run(name: &str, spec: fn(usize) -> Value, nodes: usize) -> Result<(usize, Duration)> {
    let preempting = name == "preempting";
    // Low enough for all to fit, high enough for nobody to fit before others went.
    let (resident, newcomer) = if preempting { ("650m", "2500m") } else { ("100m", "100m") };
    let mut cluster = filled(nodes, resident)?;
    let mut scheduler = Scheduler::new(1);
    let decisions = if name == "anti-affinity" { nodes / 2 } else { DECISIONS.min(nodes * 3) };
    let decisions = if preempting { DECISIONS.min(nodes / 2) } else { decisions };
    let pods: Vec<_> =
        (0..decisions).map(|at| pod(&format!("new-{at}"), "new", newcomer, spec(at))).collect::<Result<_>>()?;
    let start = Instant::now();
    let mut decided = 0;
    for pod in pods {
        cluster.follow(&pod);
        match scheduler.schedule(&pod, &cluster) {
            Ok(decision) => cluster.set_pod(pod, &decision.node),
            Err(Unschedulable::Refused(why)) if preempting => {
                let found = scheduler.preempt(&pod, &cluster, &why).context("the profile preempts")?;
                let found = found.map_err(|why| anyhow!("{why}"))?;
                cluster.nominate(&pod, &found.node);
                for victim in &found.victims {
                    cluster.remove_pod(&victim.uid);
                }
                let decision = scheduler.schedule(&pod, &cluster)?;
                cluster.set_pod(pod, &decision.node);
            }
            Err(refused) => return Err(anyhow!("{name} on {nodes} nodes: {refused}")),
        }
        decided += 1;
        if start.elapsed() > TIME {
            break;
        }
    }
    Ok((decided, start.elapsed()))
}

fn filled(nodes: usize, cpu: &str) -> Result<Cluster> {
    let mut cluster = Cluster::new();
    for at in 0..nodes {
        let name: Arc<str> = format!("node-{at}").into();
        cluster.set_node(node(&name, at % 10)?);
        for nth in 0..PODS_ON_A_NODE {
            cluster.set_pod(pod(&format!("old-{at}-{nth}"), "old", cpu, json!({}))?, &name);
        }
    }
    Ok(cluster)
}

fn node(name: &str, zone: usize) -> Result<Node> {
    let object = json!({
        "metadata": {"name": name, "labels": {"host": name, "zone": format!("zone-{zone}")}},
        "status": {"allocatable": {"cpu": "4", "memory": "32Gi", "pods": "110"}},
    });
    Ok(Node::parse(&serde_json::from_value(object)?)?)
}

fn pod(name: &str, app: &str, cpu: &str, mut spec: Value) -> Result<Arc<Pod>> {
    spec["containers"] =
        json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu, "memory": "500Mi"}}}]);
    let object = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": app}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": app, "uid": app, "controller": true},
        ]},
        "spec": spec,
    });
    Ok(Arc::new(Pod::parse(&serde_json::from_value(object)?)?))
}
