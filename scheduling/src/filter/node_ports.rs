//! Host ports: two pods cannot hold the same one on a node.

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
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

    fn is_local(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        if pod.host_ports.is_empty() {
            return Verdict::Indifferent;
        }
        Verdict::ask(|site, why| {
            if let Some(port) = pod.host_ports.iter().find(|port| site.is_taken(port)) {
                why.push(Reason::HostPort(*port));
            }
        })
    }
}
