//! Each node's range of pod addresses, `spec.podCIDR`, out of the cluster's.
//!
//! All nodes are one key: two that were planned apart could get one range.

mod plan;

use std::sync::atomic::{AtomicU32, Ordering};

use kube::api::Patch;
use serde_json::json;
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
};

use crate::{objects::Node, refusal::is_gone};
pub use plan::ClusterCidr;
use plan::plan;

pub struct NodeRanges {
    pub nodes: Informer<Node>,
    pub cluster: ClusterCidr,
    pub next: AtomicU32,
    pub events: Recorder,
}

impl Reconcile for NodeRanges {
    type Key = ();
    type Error = kube::Error;

    async fn reconcile(&self, _all: &(), writer: &Writer) -> Result<Next, kube::Error> {
        let plan = plan(&self.nodes.all(), self.cluster, self.next.load(Ordering::Relaxed));
        self.next.store(plan.next, Ordering::Relaxed);
        for (name, cidr) in &plan.assign {
            let key = ObjectKey::cluster(name.clone());
            let patch = json!({"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}});
            match writer.patch::<Node>(&key, &Patch::Merge(patch)).await {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => tracing::debug!(node = %name, cidr, "assigned a range"),
            }
        }
        for name in &plan.without {
            if let Some(node) = self.nodes.get(&ObjectKey::cluster(name.clone())) {
                let message = format!("Node {name} status is now: CIDRNotAvailable");
                self.events.normal(Regarding::object(&*node), "CIDRNotAvailable", message);
                tracing::warn!(node = %name, kind = Node::KIND, "no range is left in --cluster-cidr");
            }
        }
        Ok(Next::Settled)
    }
}
