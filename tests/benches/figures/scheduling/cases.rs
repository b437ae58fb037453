//! What is scheduled: the cases that Kubernetes holds its own scheduler to, on 5,000 nodes in three zones.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Bound, NODES};

pub struct Case {
    pub name: &'static str,
    /// Pods that have a node already, and what the number `i` of them is.
    pub running: usize,
    pub runs: fn(usize) -> Value,
    /// Pods that wait when the scheduler starts.
    pub waiting: usize,
    pub waits: fn(usize) -> Value,
    /// What must be true of all pods that have a node in the end: a rule that is not kept costs nothing.
    pub holds: fn(&[Bound]) -> Result<()>,
}

pub const CASES: [Case; 5] = [
    Case { name: "plain", running: 0, runs: plain, waiting: 30_000, waits: plain, holds: always },
    Case { name: "topology spread", running: 900, runs: lopsided, waiting: 30_000, waits: spread, holds: is_spread },
    Case { name: "pod affinity", running: 0, runs: plain, waiting: 30_000, waits: affine, holds: is_together },
    Case { name: "pod anti-affinity", running: 0, runs: plain, waiting: 30_000, waits: averse, holds: is_apart },
    Case { name: "preempting", running: 4 * NODES, runs: victim, waiting: NODES, waits: important, holds: always },
];

/// Four processors, 32 GB, 110 pods.
pub fn node(i: usize) -> Value {
    let resources = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": node_name(i), "labels": {
            "kubernetes.io/hostname": node_name(i), "topology.kubernetes.io/zone": format!("zone-{}", i % 3),
        }},
        "status": {
            "capacity": resources, "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    })
}

fn node_name(i: usize) -> String {
    format!("node-{i}")
}

fn pod(name: String, label: (&str, String), cpu: &str, spec: Value) -> Value {
    let (key, value) = label;
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {key: value}},
        "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false, "containers": [{
            "name": "pause", "image": "registry.k8s.io/pause:3.10",
            "resources": {"requests": {"cpu": cpu, "memory": "500Mi"}},
        }]},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

fn plain(i: usize) -> Value {
    pod(format!("plain-{i}"), ("app", "plain".into()), "100m", json!({}))
}

/// The zones may differ by five pods.
fn spread(i: usize) -> Value {
    let constraint = json!({
        "maxSkew": 5, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"color": "blue"}},
    });
    pod(format!("spread-{i}"), ("color", "blue".into()), "100m", json!({"topologySpreadConstraints": [constraint]}))
}

/// All in one zone: the other two have to catch up first.
fn lopsided(i: usize) -> Value {
    let node = node_name(i * 3 % NODES / 3 * 3);
    pod(format!("lopsided-{i}"), ("color", "blue".into()), "100m", json!({"nodeName": node}))
}

/// All in the zone of the first.
fn affine(i: usize) -> Value {
    let term = json!({
        "topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"color": "blue"}},
    });
    let affinity = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    pod(format!("affine-{i}"), ("color", "blue".into()), "100m", json!({"affinity": affinity}))
}

/// Thirty applications, none of which wants two of its pods on a node.
fn averse(i: usize) -> Value {
    let app = format!("app-{}", i % 30);
    let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": app}}});
    let affinity = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    pod(format!("averse-{i}"), ("app", app), "100m", json!({"affinity": affinity}))
}

/// Four of them fill a node.
fn victim(i: usize) -> Value {
    pod(format!("victim-{i}"), ("app", "victim".into()), "900m", json!({"nodeName": node_name(i % NODES)}))
}

/// Fits where three of the others have left.
fn important(i: usize) -> Value {
    pod(
        format!("important-{i}"),
        ("app", "important".into()),
        "3",
        json!({"priorityClassName": "system-cluster-critical"}),
    )
}

/// What was under way when the scheduler ended, in whatever order it was written.
const UNDER_WAY: usize = 256;

fn always(_: &[Bound]) -> Result<()> {
    Ok(())
}

fn zones(pods: &[Bound]) -> HashMap<usize, usize> {
    let numbers = pods.iter().filter_map(|pod| pod.node.rsplit('-').next()?.parse::<usize>().ok());
    numbers.fold(HashMap::new(), |mut zones, number| {
        *zones.entry(number % 3).or_default() += 1;
        zones
    })
}

fn is_spread(pods: &[Bound]) -> Result<()> {
    let zones = zones(pods);
    let counts = || (0..3).map(|zone| zones.get(&zone).copied().unwrap_or(0));
    let skew = counts().max().unwrap_or(0) - counts().min().unwrap_or(0);
    ensure!(skew <= 5 + UNDER_WAY, "pods are not spread over the zones: {zones:?}");
    Ok(())
}

fn is_together(pods: &[Bound]) -> Result<()> {
    let zones = zones(pods);
    ensure!(zones.len() == 1, "pods are not in one zone: {zones:?}");
    Ok(())
}

fn is_apart(pods: &[Bound]) -> Result<()> {
    let places: HashSet<_> = pods.iter().map(|pod| (&pod.app, &pod.node)).collect();
    ensure!(places.len() == pods.len(), "{} pods share their node with another of the same", pods.len() - places.len());
    Ok(())
}
