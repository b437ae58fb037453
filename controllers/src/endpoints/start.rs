//! What wakes them: services, the pods behind them, and what was written about them.

use std::{sync::Arc, time::Duration};

use timonier_client::{Informer, Object, ObjectKey, Runner};
use tokio_util::sync::CancellationToken;

use super::{Mirrors, OldEndpoints, SERVICE_NAME, Slices, Triggers, ZONE, concerned, hints::shares_out};
use crate::{
    ground::Ground,
    objects::{EndpointSlice, Node, Pod, Service},
};

/// Pods that become ready together are one write.
const PAUSE: Duration = Duration::from_millis(100);

/// The service that a slice is of.
fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.meta().labels.get(SERVICE_NAME)?;
    Some(ObjectKey { namespace: slice.meta().namespace.clone(), name: name.as_str().into() })
}

/// The services behind which the pod is, or was.
fn moved(change: timonier_client::informer::Change<'_, Pod>, services: &Informer<Service>) -> Vec<ObjectKey> {
    let mut keys: Vec<_> = change.states().flat_map(|pod| concerned(pod, services)).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn zone(node: &Node) -> Option<&String> {
    node.meta().labels.get(ZONE)
}

pub async fn endpointslice(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (services, pods, slices, nodes) = (copies.services(), copies.pods(), copies.slices(), copies.nodes());
    let reconciler = Slices {
        services: services.clone(),
        pods: pods.clone(),
        slices: slices.clone(),
        nodes: nodes.clone(),
        triggers: Triggers::default(),
    };
    let (of_pods, of_nodes) = (services.clone(), services.clone());
    Runner::new("endpointslice", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&services, |service| service.has_backends().then(|| service.meta().key()))
        .watch(&pods, move |change, queue| moved(change, &of_pods).into_iter().for_each(|key| queue.add(key)))
        .watch(&slices, |change, queue| {
            change.states().filter_map(|slice| service_of(slice)).for_each(|key| queue.add(key))
        })
        .watch(&nodes, move |change, queue| {
            let moved = change.old.and_then(|node| zone(node)) != change.new.and_then(|node| zone(node));
            let worth = |node: Option<&Arc<Node>>| node.map(|node| (node.is_ready(), node.status.processors));
            if moved || worth(change.old) != worth(change.new) {
                let concerned = |service: &Arc<Service>| service.has_backends() && (moved || shares_out(service));
                let services = of_nodes.all().into_iter().filter(concerned);
                services.for_each(|service| queue.add(service.meta().key()));
            }
        })
        .run(shutdown)
        .await;
}

pub async fn endpoints(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (services, pods, endpoints) = (copies.services(), copies.pods(), copies.endpoints());
    let reconciler = OldEndpoints {
        services: services.clone(),
        pods: pods.clone(),
        endpoints: endpoints.clone(),
        triggers: Triggers::default(),
    };
    let of_pods = services.clone();
    Runner::new("endpoints", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&services, |service| Some(service.meta().key()))
        .primary(&endpoints, |endpoints| Some(endpoints.meta().key()))
        .watch(&pods, move |change, queue| moved(change, &of_pods).into_iter().for_each(|key| queue.add(key)))
        .run(shutdown)
        .await;
}

pub async fn endpointslice_mirroring(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (services, endpoints, slices) = (copies.services(), copies.endpoints(), copies.slices());
    let reconciler = Mirrors { services: services.clone(), endpoints: endpoints.clone(), slices: slices.clone() };
    Runner::new("endpointslice-mirroring", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&endpoints, |endpoints| Some(endpoints.meta().key()))
        .watch(&services, |change, queue| change.states().for_each(|service| queue.add(service.meta().key())))
        .watch(&slices, |change, queue| {
            change.states().filter_map(|slice| service_of(slice)).for_each(|key| queue.add(key))
        })
        .run(shutdown)
        .await;
}
