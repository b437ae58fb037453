//! How each controller is wired: what it watches and which keys that concerns. One function a controller.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU32},
    time::Duration,
};

use kube::Client;
use parking_lot::Mutex;
use timonier_client::{Object, Runner, events::Recorder};
use tokio_util::sync::CancellationToken;

use crate::{
    copies::Copies,
    deployment::{self, Deployments},
    garbage::{Collector, Watches},
    namespace::Namespaces,
    nodeipam::{ClusterCidr, NodeRanges},
    replicaset::{self, ReplicaSets},
    serviceaccount::ServiceAccounts,
};

/// Bursts of events about one key, such as pods becoming ready, are taken together for this long.
const PAUSE: Duration = Duration::from_millis(20);

/// What every controller is given.
pub struct Ground {
    pub client: Client,
    pub copies: Copies,
    pub cluster_cidr: ClusterCidr,
}

impl Ground {
    fn recorder(&self, component: &str, shutdown: &CancellationToken) -> Recorder {
        Recorder::new(self.client.clone(), component, None, shutdown.clone())
    }
}

pub async fn deployment(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (deployments, sets, pods) = (copies.deployments(), copies.sets(), copies.pods());
    let reconciler = Deployments {
        deployments: deployments.clone(),
        sets: sets.clone(),
        pods: pods.clone(),
        events: ground.recorder("deployment-controller", &shutdown),
    };
    let (of_sets, sets_of_pods) = (deployments.clone(), sets.clone());
    Runner::new("deployment", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&deployments, |deployment| Some(deployment.meta().key()))
        .watch(&sets, move |change, queue| {
            let keys = change.states().flat_map(|set| deployment::concerned(set, &of_sets));
            keys.for_each(|key| queue.add(key));
        })
        .watch(&pods, move |change, queue| {
            // Only their end matters: sets report everything else.
            if let (Some(pod), None) = (change.old, change.new)
                && let Some(key) = deployment::waits_for(pod, &sets_of_pods)
            {
                queue.add(key);
            }
        })
        .run(shutdown)
        .await;
}

pub async fn replicaset(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (sets, pods) = (ground.copies.sets(), ground.copies.pods());
    let reconciler = ReplicaSets {
        sets: sets.clone(),
        pods: pods.clone(),
        events: ground.recorder("replicaset-controller", &shutdown),
    };
    let of_pods = sets.clone();
    Runner::new("replicaset", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&sets, |set| Some(set.meta().key()))
        .watch(&pods, move |change, queue| {
            let keys = change.states().flat_map(|pod| replicaset::concerned(pod, &of_pods));
            keys.for_each(|key| queue.add(key));
        })
        .run(shutdown)
        .await;
}

pub async fn garbage_collector(ground: Arc<Ground>, shutdown: CancellationToken) {
    let graph = Arc::new(Mutex::default());
    let watches = Arc::new(Watches::default());
    let reconciler =
        Arc::new(Collector { graph: Arc::clone(&graph), watches: watches.clone(), queue: OnceLock::new() });
    let runner = Runner::new("garbage-collector", ground.client.clone(), reconciler.clone()).workers(24);
    let queue = runner.queue();
    reconciler.queue.get_or_init(|| queue.clone());
    // Watches end with this future, also when it is dropped.
    let following = shutdown.child_token();
    let _stop = following.clone().drop_guard();
    tokio::spawn(watches.clone().run(ground.client.clone(), graph, queue, following));
    tokio::select! {
        () = watches.ready() => {}
        () = shutdown.cancelled() => return,
    }
    runner.run(shutdown).await;
}

pub async fn namespace(ground: Arc<Ground>, shutdown: CancellationToken) {
    let namespaces = ground.copies.namespaces();
    let reconciler = Namespaces { namespaces: namespaces.clone() };
    Runner::new("namespace", ground.client.clone(), Arc::new(reconciler))
        .primary(&namespaces, |namespace| Some(namespace.meta().key()))
        .run(shutdown)
        .await;
}

pub async fn serviceaccount(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (namespaces, accounts) = (ground.copies.namespaces(), ground.copies.accounts());
    let reconciler = ServiceAccounts { namespaces: namespaces.clone(), accounts: accounts.clone() };
    Runner::new("serviceaccount", ground.client.clone(), Arc::new(reconciler))
        .primary(&namespaces, |namespace| Some(namespace.meta().name.clone()))
        .watch(&accounts, |change, queue| {
            if let (Some(account), None) = (change.old, change.new)
                && let Some(namespace) = &account.meta().namespace
            {
                queue.add(namespace.clone());
            }
        })
        .run(shutdown)
        .await;
}

pub async fn nodeipam(ground: Arc<Ground>, shutdown: CancellationToken) {
    let nodes = ground.copies.nodes();
    let reconciler = NodeRanges {
        nodes: nodes.clone(),
        cluster: ground.cluster_cidr,
        next: AtomicU32::new(0),
        events: ground.recorder("cidrAllocator", &shutdown),
    };
    Runner::new("nodeipam", ground.client.clone(), Arc::new(reconciler))
        .primary(&nodes, |node| node.spec.pod_cidr.is_empty().then_some(()))
        .run(shutdown)
        .await;
}
