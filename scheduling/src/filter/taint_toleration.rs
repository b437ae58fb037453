//! Taints with effect `NoSchedule` or `NoExecute`, against the pod's tolerations.

use super::{Filter, Verdict};
use crate::cluster::{Change, Cluster};
use crate::explanation::Reason;
use crate::pod::Pod;
use crate::taint::tolerated;

pub struct TaintToleration;

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_TAINTS
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        Verdict::ask(|node, why| {
            let mut repelling = node.taints.iter().filter(|taint| taint.repels());
            if repelling.any(|taint| !tolerated(&pod.tolerations, taint)) {
                why.push(Reason::UntoleratedTaint);
            }
        })
    }
}
