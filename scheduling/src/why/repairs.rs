//! For one refusal of one node: the steps of which each might undo it.

use std::sync::Arc;

use super::Question;
use super::company;
use super::document::{Fact, Refusal, Step};
use super::facts::full_name;
use super::removal::{is_sibling, priority, without};
use crate::cluster::Cluster;
use crate::node::Node;
use crate::pod::Pod;
use crate::resource::ResourceName;
use crate::selector::Requirement;
use crate::taint::Taint;

/// Whether a whole unit less is worth a rounder number.
pub const MEBI: i64 = 1 << 20;
/// Labels that say where a node is.
const PLACE: &str = "topology.kubernetes.io/";

pub fn of(refusal: &Refusal, asked: &Question<'_>, node: &Node, cluster: &Cluster) -> Vec<Step> {
    let mut steps = of_fact(refusal, asked, node, cluster);
    let held: Vec<_> = node.nominated.iter().filter(|other| refusal.held_for.contains(&full_name(other))).collect();
    if !held.is_empty() && !held.iter().any(|other| is_sibling(other, asked)) {
        let (node, pods) = (node.name.to_string(), refusal.held_for.clone());
        steps.push(Step::RemoveNominated { node, pods });
        steps.extend(priority(asked));
        steps.dedup();
    }
    steps
}

fn of_fact(refusal: &Refusal, asked: &Question<'_>, node: &Node, cluster: &Cluster) -> Vec<Step> {
    let pod = asked.pod;
    let name = || node.name.to_string();
    match &refusal.fact {
        Fact::Cordoned => vec![Step::Uncordon { node: name() }],
        Fact::NodeName { .. } => vec![Step::DropNodeName],
        Fact::Taint { key, .. } if key == Taint::UNSCHEDULABLE && node.unschedulable => {
            vec![Step::Uncordon { node: name() }]
        }
        Fact::Taint { key, value, effect } => vec![
            Step::Tolerate { key: key.clone(), value: value.clone(), effect: effect.clone() },
            Step::Untaint { node: name(), key: key.clone(), value: value.clone(), effect: effect.clone() },
        ],
        Fact::NodeSelector { key, value, .. } => vec![
            Step::LabelNode { node: name(), key: key.clone(), value: value.clone() },
            Step::DropNodeSelector { key: key.clone(), value: value.clone() },
        ],
        Fact::NodeAffinity { .. } => {
            let nearest = pod.node_affinity.as_ref().and_then(|affinity| affinity.nearest(node)).unwrap_or_default();
            let mut steps = relabel(&nearest, node);
            steps.push(Step::DropNodeAffinity);
            steps
        }
        Fact::HostPort { port, protocol, .. } => {
            let mut steps = vec![Step::DropHostPort { port: *port, protocol: protocol.clone() }];
            let in_the_way = |other: &Pod| {
                let same = |held: &crate::host_port::HostPort| held.port == *port && held.protocol.as_str() == protocol;
                other.host_ports.iter().any(same)
            };
            let holders: Vec<_> = node.usage().pods().filter(|other| in_the_way(other)).collect();
            steps.extend(without(&holders, asked, node));
            steps
        }
        Fact::TooManyPods { pods, most } => {
            let mut steps = vec![Step::RaiseMaxPods { node: name(), to: pods + 1 }];
            let mut fewest = cheapest(node, asked, cluster);
            let needed = usize::try_from(pods + 1 - most).unwrap_or_default();
            if needed <= fewest.len() {
                fewest.truncate(needed);
                steps.extend(without(&fewest, asked, node));
            }
            steps
        }
        Fact::Resource { resource, wanted, used, allocatable } => {
            let free = allocatable - used;
            let resource_name = ResourceName::from(&**resource);
            let mut steps = vec![];
            let to = if resource == "memory" && free > MEBI { free - free % MEBI } else { free };
            if to > 0 && to < *wanted {
                steps.push(Step::LowerRequest { resource: resource.clone(), from: *wanted, to });
            }
            let enough = making_room(node, asked, cluster, &resource_name, wanted - free);
            steps.extend(without(&enough, asked, node));
            steps
        }
        Fact::Volume { claim, .. } => {
            let claim = cluster.volumes().claim(&pod.namespace, &Arc::from(claim.as_str()));
            let volume = claim.and_then(|claim| cluster.volumes().volume(claim.volume.as_deref()?));
            let affinity = volume.and_then(|volume| volume.affinity.as_ref());
            relabel(&affinity.and_then(|affinity| affinity.nearest(node)).unwrap_or_default(), node)
        }
        Fact::Spread { key, pods, fewest, .. } => company::spread(key, pods - fewest),
        Fact::NoTopologyLabel { key } => vec![Step::SpreadAnyway { key: key.clone() }],
        Fact::PodAffinity { key, .. } => vec![Step::DropPodAffinity { key: key.clone() }],
        Fact::PodAntiAffinity { key, .. } => company::kept_away_from(key, asked, node, cluster),
        Fact::ExistingAntiAffinity { key, .. } => company::keeping_away(key, asked, node, cluster),
        Fact::Volumes { .. } | Fact::Other => vec![],
    }
}

/// Labels by which the node would meet the requirements, as far as one step does it.
fn relabel(unmet: &[&Requirement], node: &Node) -> Vec<Step> {
    let [one] = unmet else { return vec![] };
    match one.met_by() {
        // A machine stays where it is, whatever it is said to be.
        Some(Some(value)) if one.key().starts_with(PLACE) && node.label(one.key()).is_some() => {
            let labels = [(one.key().to_string(), value)].into();
            vec![Step::AddNode { like: node.name.to_string(), labels }]
        }
        Some(Some(value)) => {
            vec![Step::LabelNode { node: node.name.to_string(), key: one.key().to_string(), value }]
        }
        Some(None) => vec![Step::UnlabelNode { node: node.name.to_string(), key: one.key().to_string() }],
        None => vec![],
    }
}

/// Pods of the node, those first whose end costs least.
fn cheapest<'a>(node: &'a Node, asked: &Question<'_>, cluster: &Cluster) -> Vec<&'a Arc<Pod>> {
    let mut pods: Vec<_> = node.usage().pods().filter(|other| !is_sibling(other, asked)).collect();
    pods.sort_by_cached_key(|pod| (is_protected(pod, cluster), pod.priority, pod.namespace.clone(), pod.name.clone()));
    pods
}

fn is_protected(pod: &Arc<Pod>, cluster: &Cluster) -> bool {
    cluster.budgets().violated(std::slice::from_ref(pod)) == [true]
}

/// A few pods that together give back so much: the smallest that is enough by itself, of the least important ones; else the
/// largest, one after the other. Those that a budget protects come last.
fn making_room<'a>(
    node: &'a Node,
    asked: &Question<'_>,
    cluster: &Cluster,
    resource: &ResourceName,
    missing: i64,
) -> Vec<&'a Arc<Pod>> {
    let has = |pod: &Arc<Pod>| pod.requests.amount(resource);
    let protected = |pod: &Arc<Pod>| is_protected(pod, cluster);
    let mut pods = cheapest(node, asked, cluster);
    pods.retain(|pod| has(pod) > 0);
    let enough = pods.iter().filter(|pod| has(pod) >= missing);
    if let Some(one) = enough.min_by_key(|pod| (protected(pod), pod.priority, has(pod))) {
        return vec![one];
    }
    pods.sort_by_cached_key(|pod| (protected(pod), pod.priority, -has(pod)));
    let mut sum = 0;
    let mut chosen = vec![];
    for pod in pods {
        sum += has(pod);
        chosen.push(pod);
        if sum >= missing {
            return chosen;
        }
    }
    vec![]
}
