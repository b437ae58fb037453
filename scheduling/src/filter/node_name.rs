//! `spec.nodeName`: the pod names its node.

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;

pub struct NodeName;

impl Filter for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED
    }

    fn is_local(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        let Some(wanted) = &pod.node_name else { return Verdict::Indifferent };
        Verdict::ask(move |node, why| {
            if node.name != *wanted {
                why.push(Reason::NodeName);
            }
        })
    }
}
