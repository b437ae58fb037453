//! Taints with effect `NoSchedule` or `NoExecute`, against the pod's tolerations.

use std::sync::Arc;

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::node::Node;
use crate::pod::Pod;
use crate::taint::{Taint, tolerated};

pub struct TaintToleration;

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_TAINTS
    }

    fn is_local(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        Verdict::ask(|node, why| {
            if let Some(taint) = untolerated(pod, node) {
                why.push(Reason::UntoleratedTaint(taint.clone()));
            }
        })
    }
}

/// The first taint that keeps the pod away.
pub(super) fn untolerated<'a>(pod: &Pod, node: &'a Node) -> Option<&'a Arc<Taint>> {
    node.taints.iter().find(|taint| taint.repels() && !tolerated(&pod.tolerations, taint))
}
