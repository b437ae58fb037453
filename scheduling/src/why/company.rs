//! Steps against refusals that come from other pods: spread, affinity, anti-affinity.

use std::sync::Arc;

use super::Question;
use super::document::Step;
use super::removal::without;
use crate::cluster::Cluster;
use crate::node::Node;
use crate::pod::Pod;
use crate::relations::{Effect, Query};

/// A hard spread constraint over `key`, where one domain would be `skew` above the emptiest.
pub fn spread(key: &str, skew: i64) -> Vec<Step> {
    let key = key.to_string();
    vec![Step::RaiseMaxSkew { key: key.clone(), to: skew }, Step::SpreadAnyway { key }]
}

/// Pods that the pod keeps away from, in the node's domain.
pub fn kept_away_from(key: &str, asked: &Question<'_>, node: &Node, cluster: &Cluster) -> Vec<Step> {
    let terms = asked.pod.relations.anti_affinity.iter().filter(|term| *term.key == *key);
    let meant: Vec<&Arc<Query>> = terms.map(|term| &term.pods).collect();
    let known = cluster.census().namespaces();
    let in_the_way = domain(key, node, cluster, |other| meant.iter().any(|query| query.matches(other, known)));
    let mut steps = vec![Step::DropAntiAffinity { key: key.to_string() }];
    steps.extend(without(&in_the_way, asked, node));
    steps
}

/// Pods in the node's domain that keep the pod away.
pub fn keeping_away(key: &str, asked: &Question<'_>, node: &Node, cluster: &Cluster) -> Vec<Step> {
    let known = cluster.census().namespaces();
    let repels = |other: &Pod| {
        let mut held = other.relations.held.iter();
        held.any(|held| {
            held.effect == Effect::Repels && *held.term.key == *key && held.term.pods.matches(asked.pod, known)
        })
    };
    without(&domain(key, node, cluster, repels), asked, node)
}

/// Pods of the nodes that have the node's value of the label.
fn domain<'a>(key: &str, node: &Node, cluster: &'a Cluster, meant: impl Fn(&Pod) -> bool) -> Vec<&'a Arc<Pod>> {
    let here = node.label(key);
    let nodes = cluster.nodes().iter().filter(|other| here.is_some() && other.label(key) == here);
    nodes.flat_map(|other| other.usage().pods()).filter(|pod| meant(pod)).collect()
}

/// Rules of the pod about other pods, as a step leaves them. False when the step is about something else.
pub fn on_pod(step: &Step, pod: &mut Pod) -> bool {
    let relations = &mut pod.relations;
    match step {
        Step::RaiseMaxSkew { key, to } => {
            let hard = relations.spread.iter_mut().filter(|one| one.hard && *one.key == **key);
            hard.for_each(|one| one.max_skew = one.max_skew.max(*to));
        }
        Step::SpreadAnyway { key } => {
            relations.spread.iter_mut().filter(|one| *one.key == **key).for_each(|one| one.hard = false);
        }
        Step::DropAntiAffinity { key } => relations.anti_affinity.retain(|term| *term.key != **key),
        Step::DropPodAffinity { key } => {
            relations.affinity.retain(|term| *term.key != **key);
            let left = || Query::all_of(relations.affinity.iter().map(|term| &*term.pods));
            relations.companions = (!relations.affinity.is_empty()).then(|| Arc::new(left()));
        }
        _ => return false,
    }
    true
}
