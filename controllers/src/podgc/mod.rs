//! Pod garbage collection: removes pods whose node will never report their end, and old ones that have ended.

mod fenced;
mod plan;

use std::{sync::Arc, time::Duration};

use kube::api::DeleteParams;
use parking_lot::Mutex;
use timonier_client::{Informer, Next, Object, ObjectKey, Reconcile, Writer};

use crate::{
    objects::{Node, Pod},
    tainteviction::disrupt,
    vigil::Vigil,
};
pub use fenced::Silence;
use fenced::fenced;
use plan::{Missing, plan};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(20);

pub struct PodGarbage {
    pub pods: Informer<Pod>,
    pub nodes: Informer<Node>,
    pub vigil: Arc<Vigil>,
    pub terminated_threshold: usize,
    pub missing: Missings,
    pub silence: Mutex<Silence>,
}

/// Nodes that pods name and that are not there.
pub type Missings = Mutex<Missing>;

impl Reconcile for PodGarbage {
    type Key = ();
    type Error = kube::Error;

    async fn reconcile(&self, _all: &(), writer: &Writer) -> Result<Next, kube::Error> {
        let (pods, nodes, now) = (self.pods.all(), self.nodes.all(), self.vigil.moment());
        let plan = plan(&pods, &nodes, &mut self.missing.lock(), now, self.terminated_threshold);
        for pod in &plan.terminated {
            remove(pod, None, writer).await?;
        }
        for (node, pods) in &plan.orphans {
            // The server knows better than our copy.
            if writer.read::<Node>(&ObjectKey::cluster(node.clone())).await?.is_none() {
                for pod in pods {
                    remove(pod, Some("PodGC: node no longer exists"), writer).await?;
                }
            }
        }
        for pod in &plan.out_of_service {
            remove(pod, Some("PodGC: node is out of service"), writer).await?;
        }
        for pod in &plan.unscheduled {
            remove(pod, None, writer).await?;
        }
        let sighting = self.vigil.sightings().borrow().clone();
        let lost = sighting.map(|sighting| fenced(&pods, &nodes, &sighting, &mut self.silence.lock()));
        for pod in lost.unwrap_or_default() {
            remove(&pod, Some("PodGC: its node has been out of reach for longer than its fence"), writer).await?;
        }
        Ok(Next::After(PERIOD))
    }
}

/// Without a grace: there is nobody who would keep it. `disruption`: why it could not end by itself.
async fn remove(pod: &Pod, disruption: Option<&str>, writer: &Writer) -> Result<(), kube::Error> {
    let meta = pod.meta();
    tracing::info!(pod = %meta.key(), "removing a pod that nobody ends");
    if let (Some(message), false) = (disruption, pod.is_finished())
        && !disrupt(meta, ("DeletionByPodGC", message), Some("Failed"), writer).await?
    {
        return Ok(());
    }
    writer.delete(&Pod::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default().grace_period(0)).await
}
