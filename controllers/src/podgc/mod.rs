//! Pod garbage collection: removes pods whose node will never report their end, and old ones that have ended.

mod fenced;
mod plan;

use std::{sync::Arc, time::Duration};

use kube::api::{DeleteParams, Patch};
use parking_lot::Mutex;
use serde_json::json;
use timonier_client::{Informer, Meta, Next, Object, ObjectKey, Reconcile, Writer};

use crate::{
    objects::{Node, Pod},
    refusal::is_gone,
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
            remove(pod, End::Known, writer).await?;
        }
        for (node, pods) in &plan.orphans {
            // The server knows better than our copy.
            if writer.read::<Node>(&ObjectKey::cluster(node.clone())).await?.is_none() {
                for pod in pods {
                    remove(pod, End::Disrupted("PodGC: node no longer exists"), writer).await?;
                }
            }
        }
        for pod in plan.out_of_service.iter().chain(&plan.unscheduled) {
            remove(pod, End::Untold, writer).await?;
        }
        let sighting = self.vigil.sightings().borrow().clone();
        let lost = sighting.map(|sighting| fenced(&pods, &nodes, &sighting, &mut self.silence.lock()));
        for pod in lost.unwrap_or_default() {
            let why = "PodGC: its node has been out of reach for longer than its fence";
            remove(&pod, End::Disrupted(why), writer).await?;
        }
        Ok(Next::After(PERIOD))
    }
}

/// What is to be said of a pod before it goes.
enum End {
    /// It has ended, and says how.
    Known,
    /// Nobody will ever say that it has ended: it has failed. Whoever counts its result, or waits for its end, needs that.
    Untold,
    /// The same, and why.
    Disrupted(&'static str),
}

/// Without a grace: there is nobody who would keep it.
async fn remove(pod: &Pod, end: End, writer: &Writer) -> Result<(), kube::Error> {
    let meta = pod.meta();
    tracing::info!(pod = %meta.key(), "removing a pod that nobody ends");
    let is_there = match end {
        End::Known => true,
        _ if pod.is_finished() => true,
        End::Untold => fail(meta, writer).await?,
        End::Disrupted(message) => disrupt(meta, ("DeletionByPodGC", message), Some("Failed"), writer).await?,
    };
    if !is_there {
        return Ok(());
    }
    writer.delete(&Pod::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default().grace_period(0)).await
}

/// Whether the pod is still there.
async fn fail(pod: &Meta, writer: &Writer) -> Result<bool, kube::Error> {
    let patch = json!({"metadata": {"uid": &*pod.uid}, "status": {"phase": "Failed"}});
    match writer.patch_status::<Pod>(&pod.key(), &Patch::Merge(patch)).await {
        Err(error) if is_gone(&error) => Ok(false),
        other => other.map(|_| true),
    }
}
