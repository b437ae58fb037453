//! How each controller is wired: what it watches and which keys that concerns. One function a controller.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU32},
    time::Duration,
};

use parking_lot::Mutex;
use timonier_client::{Informer, Object, ObjectKey, Runner, informer::Change, runner::Enqueue, watch::Scope};
use tokio_util::sync::CancellationToken;

use crate::{
    clusterrole::{self, AggregatedRoles},
    deployment::{self, Deployments},
    disruption::{self, Budgets},
    garbage::{Collector, Watches},
    ground::{Ground, PAUSE},
    namespace::Namespaces,
    node_ttl::NodeTtl,
    nodeipam::NodeRanges,
    nodelifecycle::{NodeLifecycle, NodeTaints},
    objects::{Budget, Deployment, ReplicaSet, ReplicationController, StatefulSet},
    podgc::{Missings, PodGarbage},
    resourcequota::Quotas,
    serviceaccount::ServiceAccounts,
    storage::{
        Subject,
        binder::{self, Binder},
        ephemeral::{self, EphemeralVolumes},
        local_path::{self, LocalPaths},
        protection::{ProtectedClaims, ProtectedVolumes},
    },
    tainteviction::TaintEviction,
};

/// Each run reads all pods of a node.
const EVICTION_PAUSE: Duration = Duration::from_millis(200);

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

pub async fn garbage_collector(ground: Arc<Ground>, shutdown: CancellationToken) {
    let graph = Arc::new(Mutex::default());
    let watches = Arc::new(Watches::default());
    let reconciler = Arc::new(Collector {
        graph: Arc::clone(&graph),
        watches: watches.clone(),
        queue: OnceLock::new(),
        events: ground.recorder("garbage-collector-controller", &shutdown),
    });
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

pub async fn clusterrole_aggregation(ground: Arc<Ground>, shutdown: CancellationToken) {
    let roles = Informer::new();
    roles.start(ground.client.clone(), Scope::default(), shutdown.clone());
    let of_changes = roles.clone();
    Runner::new("clusterrole-aggregation", ground.client.clone(), Arc::new(AggregatedRoles { roles: roles.clone() }))
        .primary(&roles, |role| role.aggregation_rule.is_some().then(|| role.meta().key()))
        .watch(&roles, move |_, queue| clusterrole::aggregating(&of_changes).into_iter().for_each(|key| queue.add(key)))
        .run(shutdown)
        .await;
}

pub async fn persistentvolume_binder(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (claims, volumes, classes) = (copies.claims(), copies.volumes(), copies.classes());
    let reconciler = Binder {
        claims: claims.clone(),
        volumes: volumes.clone(),
        classes: classes.clone(),
        events: ground.recorder("persistentvolume-controller", &shutdown),
    };
    let (volumes_of_claims, claims_of_volumes, claims_of_classes) = (volumes.clone(), claims.clone(), claims.clone());
    Runner::new("persistentvolume-binder", ground.client.clone(), Arc::new(reconciler))
        .primary(&claims, |claim| Some(Subject::Claim(claim.meta().key())))
        .watch(&claims, move |change, queue| {
            let subjects = change.states().flat_map(|claim| binder::concerned_by_claim(claim, &volumes_of_claims));
            subjects.for_each(|subject| queue.add(subject));
        })
        .primary(&volumes, |volume| Some(Subject::Volume(volume.meta().name.clone())))
        .watch(&volumes, move |change, queue| {
            let subjects = change.states().flat_map(|volume| binder::concerned_by_volume(volume, &claims_of_volumes));
            subjects.for_each(|subject| queue.add(subject));
        })
        .watch(&classes, move |_, queue| binder::waiting(&claims_of_classes).for_each(|subject| queue.add(subject)))
        .run(shutdown)
        .await;
}

pub async fn local_path_provisioner(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (claims, volumes, classes, nodes) = (copies.claims(), copies.volumes(), copies.classes(), copies.nodes());
    let reconciler = LocalPaths {
        claims: claims.clone(),
        volumes: volumes.clone(),
        classes: classes.clone(),
        nodes: nodes.clone(),
        events: ground.recorder(local_path::PROVISIONER, &shutdown),
    };
    let (claims_of_classes, claims_of_nodes, volumes_of_nodes) = (claims.clone(), claims.clone(), volumes.clone());
    Runner::new("local-path-provisioner", ground.client.clone(), Arc::new(reconciler))
        .primary(&claims, |claim| Some(Subject::Claim(claim.meta().key())))
        .primary(&volumes, |volume| Some(Subject::Volume(volume.meta().name.clone())))
        .watch(&classes, move |_, queue| binder::waiting(&claims_of_classes).for_each(|subject| queue.add(subject)))
        .watch(&nodes, move |change, queue| match (change.old, change.new) {
            (None, Some(_)) => binder::waiting(&claims_of_nodes).for_each(|subject| queue.add(subject)),
            (Some(_), None) => {
                let volumes = volumes_of_nodes.all().into_iter();
                volumes.for_each(|volume| queue.add(Subject::Volume(volume.meta().name.clone())));
            }
            _ => {}
        })
        .run(shutdown)
        .await;
}

pub async fn claim_protection(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (claims, pods) = (ground.copies.claims(), ground.copies.pods());
    let reconciler = ProtectedClaims { claims: claims.clone(), pods: pods.clone() };
    Runner::new("persistentvolumeclaim-protection", ground.client.clone(), Arc::new(reconciler))
        .primary(&claims, |claim| Some(claim.meta().key()))
        .watch(&pods, |change, queue| {
            // Only a pod that goes lets go of its claims.
            if let (Some(pod), None) = (change.old, change.new)
                && let Some(namespace) = &pod.meta().namespace
            {
                pod.claims().for_each(|claim| queue.add(ObjectKey::namespaced(namespace.clone(), claim)));
            }
        })
        .run(shutdown)
        .await;
}

pub async fn volume_protection(ground: Arc<Ground>, shutdown: CancellationToken) {
    let volumes = ground.copies.volumes();
    let reconciler = ProtectedVolumes { volumes: volumes.clone() };
    Runner::new("persistentvolume-protection", ground.client.clone(), Arc::new(reconciler))
        .primary(&volumes, |volume| Some(volume.meta().key()))
        .run(shutdown)
        .await;
}

pub async fn ephemeral_volume(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (pods, claims) = (ground.copies.pods(), ground.copies.claims());
    let reconciler = EphemeralVolumes {
        pods: pods.clone(),
        claims: claims.clone(),
        events: ground.recorder("ephemeral_volume", &shutdown),
    };
    let of_claims = pods.clone();
    Runner::new("ephemeral-volume", ground.client.clone(), Arc::new(reconciler))
        .primary(&pods, |pod| pod.ephemeral_claims().next().map(|_| pod.meta().key()))
        .watch(&claims, move |change, queue| {
            if let (Some(claim), None) = (change.old, change.new)
                && let Some(pod) = ephemeral::pod_of(claim, &of_claims)
            {
                queue.add(pod);
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

pub async fn node_ttl(ground: Arc<Ground>, shutdown: CancellationToken) {
    let nodes = ground.copies.nodes();
    let reconciler = Arc::new(NodeTtl::new(nodes.clone()));
    let all = reconciler.clone();
    Runner::new("node-ttl", ground.client.clone(), reconciler)
        .primary(&nodes, |node| Some(node.meta().key()))
        .watch(&nodes, move |change, queue| {
            if change.old.is_none() || change.new.is_none() {
                all.counted().into_iter().for_each(|key| queue.add(key));
            }
        })
        .run(shutdown)
        .await;
}

pub async fn node_lifecycle(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (nodes, pods) = (ground.copies.nodes(), ground.copies.pods());
    let mut sightings = ground.vigil().sightings();
    let reconciler = NodeLifecycle {
        nodes: nodes.clone(),
        pods: pods.clone(),
        sightings: sightings.clone(),
        flags: ground.nodes.clone(),
        state: NodeLifecycle::state(),
        events: ground.recorder("node-controller", &shutdown),
    };
    let all = Runner::new("node-lifecycle", ground.client.clone(), Arc::new(reconciler))
        .watch(&nodes, |_, _| {})
        .watch(&pods, |_, _| {});
    let queue = all.queue();
    let look = async {
        while sightings.changed().await.is_ok() {
            queue.add(());
        }
    };
    let each = Runner::new("node-taints", ground.client.clone(), Arc::new(NodeTaints { nodes: nodes.clone() }))
        .primary(&nodes, |node| Some(node.meta().key()));
    tokio::join!(all.run(shutdown.clone()), each.run(shutdown.clone()), async {
        shutdown.run_until_cancelled(look).await
    });
}

pub async fn taint_eviction(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (nodes, pods) = (ground.copies.nodes(), ground.copies.pods());
    let reconciler = TaintEviction {
        nodes: nodes.clone(),
        vigil: ground.vigil(),
        grace: ground.nodes.node_monitor_grace_period,
        waiting: Mutex::default(),
        events: ground.recorder("taint-eviction-controller", &shutdown),
    };
    let tainted = nodes.clone();
    Runner::new("taint-eviction", ground.client.clone(), Arc::new(reconciler))
        .pause(EVICTION_PAUSE)
        .primary(&nodes, |node| Some(node.meta().key()))
        .watch(&pods, move |change, queue| {
            let node = change.new.and_then(|pod| pod.spec.node_name.clone()).map(ObjectKey::cluster);
            // Only a tainted node's pods matter, and nearly none are.
            let matters = |key: &ObjectKey| tainted.get(key).is_some_and(|node| !node.spec.taints.is_empty());
            if let Some(key) = node.filter(matters) {
                queue.add(key);
            }
        })
        .run(shutdown)
        .await;
}

pub async fn pod_garbage_collector(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (pods, nodes) = (ground.copies.pods(), ground.copies.nodes());
    let reconciler = PodGarbage {
        pods: pods.clone(),
        nodes: nodes.clone(),
        vigil: ground.vigil(),
        terminated_threshold: ground.nodes.terminated_pod_gc_threshold,
        missing: Missings::default(),
        silence: Mutex::default(),
    };
    let runner = Runner::new("pod-garbage-collector", ground.client.clone(), Arc::new(reconciler))
        .watch(&pods, |_, _| {})
        .watch(&nodes, |_, _| {});
    runner.queue().add(());
    runner.run(shutdown).await;
}

pub async fn resourcequota(ground: Arc<Ground>, shutdown: CancellationToken) {
    let quotas = ground.copies.quotas();
    let reconciler = Quotas { quotas: quotas.clone(), counted: Mutex::default() };
    Runner::new("resourcequota", ground.client.clone(), Arc::new(reconciler))
        .primary(&quotas, |quota| Some(quota.meta().key()))
        .run(shutdown)
        .await;
}

pub async fn disruption(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let reconciler = Budgets {
        budgets: copies.budgets(),
        pods: copies.pods(),
        sets: copies.sets(),
        deployments: copies.deployments(),
        stateful_sets: copies.stateful_sets(),
        replication_controllers: copies.replication_controllers(),
    };
    let budgets = copies.budgets();
    let of_pods = budgets.clone();
    Runner::new("disruption", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&budgets, |budget| Some(budget.meta().key()))
        .watch(&copies.pods(), move |change, queue| {
            let keys = change.states().flat_map(|pod| disruption::concerned(pod, &of_pods));
            keys.for_each(|key| queue.add(key));
        })
        .watch(&copies.sets(), resized(&budgets, |set: &ReplicaSet| set.spec.replicas))
        .watch(&copies.deployments(), resized(&budgets, |deployment: &Deployment| deployment.spec.replicas))
        .watch(&copies.stateful_sets(), resized(&budgets, |set: &StatefulSet| set.spec.replicas))
        .watch(
            &copies.replication_controllers(),
            resized(&budgets, |controller: &ReplicationController| controller.spec.replicas),
        )
        .run(shutdown)
        .await;
}

/// Wakes the budgets of a namespace in which something is to have another number of pods. Whose pods they are is not
/// known here: budgets are few, and replicas seldom change.
fn resized<T: Object>(
    budgets: &Informer<Budget>,
    replicas: fn(&T) -> i32,
) -> impl Fn(Change<'_, T>, &Enqueue<ObjectKey>) + Send + Sync + use<T> {
    let budgets = budgets.clone();
    move |change, queue| {
        if let (Some(old), Some(new)) = (change.old, change.new)
            && replicas(old) != replicas(new)
            && let Some(namespace) = new.meta().namespace.as_deref()
        {
            budgets.in_namespace(namespace).iter().for_each(|budget| queue.add(budget.meta().key()));
        }
    }
}
