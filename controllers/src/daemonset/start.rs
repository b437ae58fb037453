//! What wakes it: the sets, their pods and revisions, and nodes that come, go, or change what they are.

use std::sync::Arc;

use parking_lot::Mutex;
use timonier_client::{Object, ObjectKey, Runner};
use tokio_util::sync::CancellationToken;

use super::{Backoffs, DaemonSets};
use crate::{
    ground::{Ground, PAUSE},
    objects::{DaemonSet, Node},
    pods::claim,
};

/// A set's pods may belong elsewhere now. What a node says of its state changes nothing.
fn matters(old: Option<&Arc<Node>>, new: Option<&Arc<Node>>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.metadata.labels != new.metadata.labels || old.spec.taints != new.spec.taints,
        _ => true,
    }
}

pub async fn daemonset(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (sets, nodes, pods, revisions) = (copies.daemon_sets(), copies.nodes(), copies.pods(), copies.revisions());
    let reconciler = DaemonSets {
        sets: sets.clone(),
        nodes: nodes.clone(),
        pods: pods.clone(),
        revisions: revisions.clone(),
        events: ground.recorder("daemonset-controller", &shutdown),
        backoffs: Mutex::new(Backoffs::default()),
    };
    let (of_pods, of_nodes) = (sets.clone(), sets.clone());
    Runner::new("daemonset", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&sets, |set| Some(set.meta().key()))
        .watch(&pods, move |change, queue| {
            let keys = change.states().flat_map(|pod| claim::concerned(pod, &of_pods));
            keys.for_each(|key| queue.add(key));
        })
        .watch(&nodes, move |change, queue| {
            if matters(change.old, change.new) {
                of_nodes.all().iter().for_each(|set| queue.add(set.meta().key()));
            }
        })
        .watch(&revisions, |change, queue| {
            let controllers = change.states().filter_map(|revision| {
                let owner = revision.meta().controller().filter(|owner| &*owner.kind == DaemonSet::KIND)?;
                Some(ObjectKey { namespace: revision.meta().namespace.clone(), name: owner.name.clone() })
            });
            controllers.for_each(|key| queue.add(key));
        })
        .run(shutdown)
        .await;
}
