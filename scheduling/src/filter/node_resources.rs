//! Requests against what the node has left, and the number of pods that it takes.

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;

pub struct NodeResources;

impl Filter for NodeResources {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_ALLOCATABLE | Change::POD_REMOVED
    }

    fn is_local(&self) -> bool {
        true
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster) -> Verdict<'a> {
        Verdict::ask(|site, why| {
            let pods = site.pod_count() as i64;
            if pods >= site.max_pods {
                why.push(Reason::TooManyPods { pods, allowed: site.max_pods });
            }
            let short = site.allocatable.shortages(site.requested(), &pod.requests);
            why.extend(short.map(Reason::Insufficient));
        })
    }
}
