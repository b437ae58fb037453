//! `spec.unschedulable`, as `kubectl cordon` sets it.

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;
use crate::taint::{Effect, Taint};

pub struct NodeUnschedulable;

impl Filter for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_TAINTS
    }

    fn is_local(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        let tolerated = pod.tolerations.iter().any(|t| t.tolerates(Taint::UNSCHEDULABLE, "", Effect::NoSchedule));
        if tolerated {
            return Verdict::Indifferent;
        }
        Verdict::ask(|node, why| {
            if node.unschedulable {
                why.push(Reason::Unschedulable);
            }
        })
    }
}
