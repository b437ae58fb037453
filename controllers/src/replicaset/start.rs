//! What wakes them: the sets themselves and their pods.

use std::sync::Arc;

use timonier_client::{Informer, Runner};
use tokio_util::sync::CancellationToken;

use super::Replicas;
use crate::{
    ground::{Ground, PAUSE},
    objects::Replicated,
    pods::claim,
};

pub async fn replicaset(ground: Arc<Ground>, shutdown: CancellationToken) {
    let sets = ground.copies.sets();
    start("replicaset", "replicaset-controller", sets, &ground, shutdown).await;
}

pub async fn replicationcontroller(ground: Arc<Ground>, shutdown: CancellationToken) {
    let controllers = ground.copies.replication_controllers();
    start("replicationcontroller", "replication-controller", controllers, &ground, shutdown).await;
}

async fn start<T: Replicated>(
    name: &'static str,
    component: &str,
    sets: Informer<T>,
    ground: &Ground,
    shutdown: CancellationToken,
) {
    let pods = ground.copies.pods();
    let events = ground.recorder(component, &shutdown);
    let reconciler = Replicas { sets: sets.clone(), pods: pods.clone(), events };
    let of_pods = sets.clone();
    Runner::new(name, ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&sets, |set| Some(set.meta().key()))
        .watch(&pods, move |change, queue| {
            let keys = change.states().flat_map(|pod| claim::concerned(pod, &of_pods));
            keys.for_each(|key| queue.add(key));
        })
        .run(shutdown)
        .await;
}
