//! `spec.nodeSelector` and the required part of `spec.affinity.nodeAffinity`.

use super::{Filter, Judge, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::node::Node;
use crate::pod::Pod;
use crate::site::Site;

pub struct NodeAffinity;

impl Filter for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_LABELS
    }

    fn is_local(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        if pod.node_labels.is_empty() && pod.node_affinity.is_none() {
            return Verdict::Indifferent;
        }
        let judge: Box<dyn Judge + 'a> = Box::new(|node: &Site<'_>, why: &mut Vec<Reason>| {
            if !matches(pod, node) {
                why.push(Reason::NodeAffinity);
            }
        });
        match pod.node_affinity.as_ref().and_then(|affinity| affinity.named_nodes()) {
            None => Verdict::Ask(judge),
            Some(names) if names.is_empty() => Verdict::Never("pod affinity terms conflict".into(), Change::NONE),
            Some(names) => Verdict::AskOnly(names, judge),
        }
    }
}

pub(super) fn matches(pod: &Pod, node: &Node) -> bool {
    pod.node_labels.iter().all(|(key, value)| node.label(key) == Some(value))
        && pod.node_affinity.as_ref().is_none_or(|affinity| affinity.matches(node))
}
