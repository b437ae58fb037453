//! Host ports: two pods cannot hold the same one on a node.

use super::{Filter, Verdict};
use crate::cluster::{Change, Cluster};
use crate::explanation::Reason;
use crate::pod::Pod;

pub struct NodePorts;

impl Filter for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::POD_REMOVED
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        if pod.host_ports.is_empty() {
            return Verdict::Indifferent;
        }
        Verdict::ask(|node, why| {
            let held = node.usage().host_ports();
            if pod.host_ports.iter().any(|port| held.iter().any(|h| h.conflicts_with(port))) {
                why.push(Reason::HostPorts);
            }
        })
    }
}
