//! Steps taken on a copy, and taken back.

use std::sync::Arc;

use super::company;
use super::document::{ANOTHER, Step};
use super::facts::full_name;
use crate::cluster::Cluster;
use crate::node::Node;
use crate::pod::Pod;
use crate::resource::ResourceName;
use crate::taint::{Effect, Taint, Toleration};

/// How one step on the cluster is undone.
enum Undo {
    Node(Box<Node>),
    Pods(Vec<(Arc<Pod>, Arc<str>)>),
    Promises(Vec<Arc<Pod>>, Arc<str>),
    Forget(Arc<str>),
}

/// Steps on a cluster that are undone together.
#[derive(Default)]
pub struct Taken {
    undo: Vec<Undo>,
}

/// Takes the steps. False when one of them cannot be taken: what it is about is not there.
pub fn take(steps: &[Step], pod: &mut Pod, cluster: &mut Cluster, taken: &mut Taken) -> bool {
    steps.iter().all(|step| on_pod(step, pod) || on_cluster(step, pod, cluster, taken).is_some())
}

impl Taken {
    /// Puts everything back.
    pub fn back(self, cluster: &mut Cluster) {
        for undo in self.undo.into_iter().rev() {
            match undo {
                Undo::Node(node) => {
                    cluster.set_node(*node);
                }
                Undo::Pods(pods) => pods.into_iter().for_each(|(pod, node)| cluster.set_pod(pod, &node)),
                Undo::Promises(pods, node) => pods.iter().for_each(|pod| cluster.nominate(pod, &node)),
                Undo::Forget(node) => cluster.remove_node(&node),
            }
        }
    }
}

fn effect(name: &str) -> Effect {
    match name {
        "NoExecute" => Effect::NoExecute,
        "PreferNoSchedule" => Effect::PreferNoSchedule,
        _ => Effect::NoSchedule,
    }
}

/// Whether it was a step on the pod.
fn on_pod(step: &Step, pod: &mut Pod) -> bool {
    match step {
        Step::RemoveGate { .. } => {}
        Step::UseScheduler { name } => pod.scheduler = name.as_str().into(),
        Step::Tolerate { key, value, effect: name } => {
            let taint = Taint { key: key.as_str().into(), value: value.as_str().into(), effect: effect(name) };
            pod.tolerations.push(Toleration::of(&taint));
        }
        Step::LowerRequest { resource, to, .. } => pod.requests.set_amount(&ResourceName::from(&**resource), *to),
        Step::DropNodeSelector { key, value } => pod.node_labels.retain(|(k, v)| **k != **key || **v != **value),
        Step::DropNodeAffinity => pod.node_affinity = None,
        Step::DropNodeName => pod.node_name = None,
        Step::DropHostPort { port, protocol } => {
            pod.host_ports.retain(|held| held.port != *port || held.protocol.as_str() != protocol);
        }
        other => return company::on_pod(other, pod),
    }
    true
}

fn on_cluster(step: &Step, pod: &mut Pod, cluster: &mut Cluster, taken: &mut Taken) -> Option<()> {
    match step {
        Step::Uncordon { node } => change(cluster, node, taken, |node| {
            node.unschedulable = false;
            // Cordoning brings it, and uncordoning takes it away.
            node.taints.retain(|taint| *taint.key != *Taint::UNSCHEDULABLE);
        }),
        Step::Untaint { node, key, value, effect: name } => {
            let gone = Taint { key: key.as_str().into(), value: value.as_str().into(), effect: effect(name) };
            change(cluster, node, taken, |node| node.taints.retain(|taint| **taint != gone))
        }
        Step::LabelNode { node, key, value } => change(cluster, node, taken, |node| node.set_label(key, Some(value))),
        Step::UnlabelNode { node, key } => change(cluster, node, taken, |node| node.set_label(key, None)),
        Step::RaiseMaxPods { node, to } => change(cluster, node, taken, |node| node.max_pods = *to),
        Step::RemovePods { node, pods, .. } => remove(cluster, node, pods, taken),
        Step::RemoveNominated { node, pods } => {
            let node = cluster.node(node)?;
            let (name, there) = (node.name.clone(), node.nominated.iter());
            let there: Vec<_> = there.filter(|pod| pods.contains(&full_name(pod))).cloned().collect();
            for pod in &there {
                cluster.withdraw_nomination(&pod.uid);
            }
            let all = there.len() == pods.len();
            taken.undo.push(Undo::Promises(there, name));
            all.then_some(())
        }
        Step::UsePriorityClass { value, node, preempts, .. } => {
            (pod.priority, pod.preempts) = (*value, true);
            remove(cluster, node, preempts, taken)
        }
        Step::AddNode { like, labels } => {
            let mut node = cluster.node(like)?.clone();
            drop(node.take_usage());
            node.nominated.clear();
            node.name = ANOTHER.into();
            node.unschedulable = false;
            node.set_label("kubernetes.io/hostname", Some(ANOTHER));
            labels.iter().for_each(|(key, value)| node.set_label(key, Some(value)));
            taken.undo.push(Undo::Forget(node.name.clone()));
            cluster.set_node(node);
            Some(())
        }
        _ => None,
    }
}

fn change(cluster: &mut Cluster, name: &str, taken: &mut Taken, how: impl FnOnce(&mut Node)) -> Option<()> {
    let mut node = cluster.node(name)?.clone();
    taken.undo.push(Undo::Node(Box::new(node.clone())));
    how(&mut node);
    cluster.set_node(node);
    Some(())
}

fn remove(cluster: &mut Cluster, node: &str, names: &[String], taken: &mut Taken) -> Option<()> {
    let there = named(cluster, node, names);
    if there.len() < names.len() {
        return None;
    }
    for (pod, _) in &there {
        cluster.remove_pod(&pod.uid);
    }
    taken.undo.push(Undo::Pods(there));
    Some(())
}

/// Pods by their names, with their nodes: of this node, and of others when not all are here, but in its zone.
pub fn named(cluster: &Cluster, node: &str, names: &[String]) -> Vec<(Arc<Pod>, Arc<str>)> {
    let of = |node: &Node| {
        let pods = node.usage().pods().filter(|pod| names.contains(&full_name(pod)));
        pods.map(|pod| (pod.clone(), node.name.clone())).collect::<Vec<_>>()
    };
    let there = cluster.node(node).map(of).unwrap_or_default();
    if there.len() < names.len() { cluster.nodes().iter().flat_map(of).collect() } else { there }
}
