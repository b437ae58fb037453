//! Fewer matching pods in the node's domains, for soft spread constraints. Pods of a controller that have no
//! constraints are spread over zones and nodes.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Rank, Ranking, Scale, Score};
use crate::census::KeyId;
use crate::cluster::Cluster;
use crate::filter::Matching;
use crate::node::Node;
use crate::pod::Pod;

/// Kubernetes' default constraints: what one may be ahead of another.
const ZONE_SKEW: i64 = 3;
const NODE_SKEW: i64 = 5;
/// The rank of a node that lacks a label: it gets no points.
pub const IGNORED: i64 = -1;

pub struct PodTopologySpread {
    /// Pods of a controller that have no constraints are spread as well.
    pub by_controller: bool,
}

impl Score for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster, feasible: &[usize]) -> Option<Ranking<'a>> {
        let rank = if pod.relations.spread.is_empty() {
            by_controller(pod.controller.as_deref().filter(|_| self.by_controller)?, cluster, feasible)
        } else {
            by_constraints(pod, cluster, feasible)?
        };
        Some(Ranking { rank, scale: Scale::FewestIsBest })
    }
}

/// The more domains, the more a pod in one of them weighs; a larger skew waters differences down.
fn credit(pods: i64, weight: f64, max_skew: i64) -> f64 {
    pods as f64 * weight + (max_skew - 1) as f64
}

fn weight(domains: usize) -> f64 {
    (domains as f64 + 2.0).ln()
}

fn by_constraints<'a>(pod: &'a Pod, cluster: &'a Cluster, feasible: &[usize]) -> Option<Rank<'a>> {
    let soft: Vec<_> = pod.relations.spread.iter().filter(|constraint| !constraint.hard).collect();
    let mut rules = Vec::new();
    for constraint in &soft {
        let (key, pods) = Matching::new(constraint, &soft, pod, cluster)?;
        rules.push((key, pods, 0.0, constraint.max_skew));
    }
    if rules.is_empty() {
        return None;
    }
    let keys: Vec<KeyId> = rules.iter().map(|(key, ..)| *key).collect();
    let has_all = move |node: &Node| keys.iter().all(|key| node.domains.of(*key).is_some());
    for (key, _, weighs, _) in &mut rules {
        let nodes = feasible.iter().map(|&at| &cluster.nodes()[at]).filter(|node| has_all(node));
        let domains: HashSet<_> = nodes.filter_map(|node| node.domains.of(*key)).collect();
        *weighs = weight(domains.len());
    }
    Some(Box::new(move |node| {
        if !has_all(node) {
            return IGNORED;
        }
        let credits = rules.iter().filter_map(|(key, pods, weight, max_skew)| {
            Some(credit(pods.of(node.domains.of(*key)?), *weight, *max_skew))
        });
        credits.sum::<f64>().round() as i64
    }))
}

/// Nodes without a zone are still spread over.
fn by_controller<'a>(controller: &'a str, cluster: &'a Cluster, feasible: &[usize]) -> Rank<'a> {
    let zones = cluster.zones().of(controller);
    let mut among: Vec<&Arc<str>> = Vec::new();
    for zone in feasible.iter().filter_map(|&at| cluster.nodes()[at].zone.as_ref()) {
        if !among.contains(&zone) {
            among.push(zone);
        }
    }
    let (of_zone, of_node) = (weight(among.len()), weight(feasible.len()));
    Box::new(move |node| {
        let here = credit(i64::from(node.usage().pods_of(controller)), of_node, NODE_SKEW);
        let zone = node.zone.as_ref().map_or(0.0, |zone| {
            let pods = zones.iter().find(|(other, _)| other == zone).map_or(0, |(_, pods)| *pods);
            credit(i64::from(pods), of_zone, ZONE_SKEW)
        });
        (here + zone).round() as i64
    })
}
