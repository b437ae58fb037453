//! The pods that are bound to this node, and a worker for each.
//!
//! Nothing is removed before the first complete list: until then, what runs may well be wanted.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use serde::{Deserialize, Deserializer};
use timonier_client::{
    object::{Meta, Object, Resource},
    unmanaged,
    watch::{Scope, Step, Watcher},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::{self, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admission::Admission,
    desired,
    directory::{Directory, key},
    eviction::Pressure,
    node::in_time,
    observed::PodIdentity,
    rulings::Ruling,
    runtime::{Change, Found, Runtime},
    statics::{self, Folder, Keeper, Reading, Statics},
    status,
    worker::{Order, Shared, Worker},
};

/// A pod as the watch delivers it, without the record of who set which field.
#[derive(Clone)]
struct BoundPod {
    meta: Meta,
    pod: Arc<Pod>,
}

impl<'de> Deserialize<'de> for BoundPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(deserialize_with = "unmanaged::metadata")]
            metadata: ObjectMeta,
            spec: Option<PodSpec>,
            status: Option<PodStatus>,
        }
        let Wire { metadata, spec, status } = Wire::deserialize(deserializer)?;
        let pod = Pod { metadata, spec, status };
        let text = |text: &Option<String>| Arc::from(text.as_deref().unwrap_or_default());
        let revision = pod.metadata.resource_version.as_deref().and_then(|text| text.parse().ok());
        let meta = Meta {
            name: text(&pod.metadata.name),
            namespace: pod.metadata.namespace.as_deref().map(Arc::from),
            uid: text(&pod.metadata.uid),
            resource_version: timonier_client::Revision(revision.unwrap_or(0)),
            ..Meta::default()
        };
        Ok(BoundPod { meta, pod: Arc::new(pod) })
    }
}

impl Object for BoundPod {
    const KIND: &'static str = "Pod";
    const RESOURCE: Resource = Resource::of("", "v1", "pods");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// What decides whether a new pod may run here.
pub struct Gate {
    pub admission: Admission,
    pub pressures: watch::Receiver<BTreeSet<Pressure>>,
    /// The node's, as far as known; whom they do not suit makes us ask again.
    pub labels: BTreeMap<String, String>,
}

struct Handle {
    orders: watch::Sender<Order>,
    wake: Arc<Notify>,
}

struct Pods<R> {
    shared: Arc<Shared<R>>,
    gate: Gate,
    directory: Directory,
    statics: Statics,
    /// By uid.
    workers: HashMap<String, Handle>,
    tasks: JoinSet<()>,
    /// Whose worker each task is.
    subjects: HashMap<task::Id, PodIdentity>,
}

/// Follows the node's pods and the runtime's changes until `shutdown`. Containers keep running afterwards. `back` changes
/// when the API server can be reached again. The pods of `folder` come first, and need no API server.
pub async fn follow<R: Runtime>(
    shared: Arc<Shared<R>>,
    directory: Directory,
    mut back: watch::Receiver<u64>,
    gate: Gate,
    folder: Option<Folder>,
    mut ruled: mpsc::UnboundedReceiver<String>,
    shutdown: CancellationToken,
) {
    let scope = Scope { field_selector: Some(format!("spec.nodeName={}", shared.node_name)), ..Scope::default() };
    let mut watcher: Watcher<BoundPod> = Watcher::new(shared.client.clone(), BoundPod::RESOURCE, scope);
    let mut changes = shared.runtime.changes();
    let (statics, plan) = Statics::new();
    let keeper = Keeper { client: shared.client.clone(), node_name: shared.node_name.clone() };
    let keeping = tokio::spawn(keeper.run(plan));
    let mut pods = Pods {
        shared,
        gate,
        directory,
        statics,
        workers: HashMap::new(),
        tasks: JoinSet::new(),
        subjects: HashMap::new(),
    };
    let mut readings = pods.open(folder).await;
    // The pods of the first complete list, until what is not among them was dealt with.
    let mut first_list: Option<HashSet<String>> = None;
    let mut orphans_sought = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => {
                keeping.abort();
                return;
            }
            Ok(()) = readings.changed() => {
                let reading = readings.borrow_and_update().clone();
                pods.take(&reading).await;
            }
            step = watcher.next() => {
                let complete = matches!(step, Step::Reset { .. });
                pods.apply(step).await;
                if complete && first_list.is_none() {
                    pods.directory.complete();
                    let listed = pods.workers.keys().cloned().collect();
                    orphans_sought = pods.adopt_orphans(&listed).await;
                    first_list = Some(listed);
                }
            }
            Ok(()) = back.changed() => watcher.reopen(),
            Some(change) = changes.next() => {
                pods.wake(&change);
                if let (Change::Everything, Some(listed), false) = (change, &first_list, orphans_sought) {
                    orphans_sought = pods.adopt_orphans(listed).await;
                }
            }
            Some(uid) = ruled.recv() => pods.wake(&Change::Pod(uid)),
            Some(ended) = pods.tasks.join_next_with_id(), if !pods.tasks.is_empty() => pods.ended(ended).await,
        }
    }
}

impl<R: Runtime> Pods<R> {
    async fn apply(&mut self, step: Step<BoundPod>) {
        match step {
            Step::Reset { objects, .. } => {
                let (mirrors, objects): (Vec<_>, Vec<_>) =
                    objects.into_iter().partition(|object| statics::shown_by(&object.pod).is_some());
                let listed: HashSet<String> = objects.iter().map(|object| object.meta.uid.to_string()).collect();
                let gone = self.workers.keys().filter(|uid| !listed.contains(*uid) && !self.statics.is_wanted(uid));
                for uid in gone.cloned().collect::<Vec<_>>() {
                    self.gone(&uid, None);
                }
                if R::SIMULATED {
                    self.remind(&objects).await;
                }
                // Those that run already have the first claim to the room, then the oldest.
                let mut pods: Vec<_> = objects.into_iter().map(|object| object.pod).collect();
                pods.sort_by_key(|pod| {
                    let started = pod.status.as_ref().and_then(|status| status.start_time.clone());
                    (started.is_none(), pod.metadata.creation_timestamp.clone())
                });
                for pod in pods {
                    self.have(pod).await;
                }
                let mirrors = mirrors.into_iter().map(|mirror| (key(&mirror.pod), mirror.pod));
                self.statics.list(mirrors.collect());
                self.settle().await;
            }
            Step::Changed { object, .. } if statics::shown_by(&object.pod).is_some() => {
                self.statics.seen(key(&object.pod), object.pod);
                self.settle().await;
            }
            Step::Removed { object, .. } if statics::shown_by(&object.pod).is_some() => {
                self.statics.lost(&key(&object.pod), &object.meta.uid);
                self.settle().await;
            }
            Step::Changed { object, .. } => self.have(object.pod).await,
            Step::Removed { object, .. } => self.gone(&object.meta.uid, Some(&object.pod)),
            Step::Progress { .. } => {}
        }
    }

    /// Tells a runtime that forgets what it had, of all pods before the first of them asks for more.
    async fn remind(&self, objects: &[BoundPod]) {
        for BoundPod { pod, .. } in objects {
            let recalled = status::recall(pod);
            if !recalled.is_empty() {
                let (identity, grace) = (desired::identity(pod), desired::grace(pod));
                self.shared.runtime.adopt(&identity, grace, desired::pretence(pod), recalled).await;
            }
        }
    }

    async fn have(&mut self, pod: Arc<Pod>) {
        self.directory.put(&pod);
        let identity = desired::identity(&pod);
        self.let_in(&pod, &identity.uid).await;
        match self.workers.get(&identity.uid) {
            Some(handle) => drop(handle.orders.send_replace(Order::Pod(pod))),
            None => self.start(identity, Order::Pod(pod)),
        }
    }

    /// A pod that is new here must fit; one that ended asks for nothing.
    async fn let_in(&mut self, pod: &Pod, uid: &str) {
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return self.gate.admission.release(uid);
        }
        if self.workers.contains_key(uid) {
            return;
        }
        let started = status.is_some_and(|status| status.start_time.is_some());
        if started || pod.metadata.deletion_timestamp.is_some() || R::SIMULATED {
            return self.gate.admission.keep(pod);
        }
        let pressures = self.gate.pressures.borrow().clone();
        let mut answer = self.gate.admission.admit(pod, &self.gate.labels, &pressures);
        if answer.as_ref().is_err_and(|failure| failure.reason == "NodeAffinity") {
            // Somebody may have labelled the node since.
            let nodes: Api<Node> = Api::all(self.shared.client.clone());
            if let Ok(node) = in_time(nodes.get(&self.shared.node_name)).await {
                self.gate.labels = node.metadata.labels.unwrap_or_default();
                answer = self.gate.admission.admit(pod, &self.gate.labels, &pressures);
            }
        }
        if let Err(failure) = answer {
            self.shared.rulings.rule(uid, Ruling { failure, grace: None, disrupts: false });
        }
    }

    /// `last`: its last state, if the watch told.
    ///
    /// What it asked for is free from now on, as the scheduler sees it too: the next pod may come before its worker ends.
    fn gone(&mut self, uid: &str, last: Option<&Pod>) {
        self.gate.admission.release(uid);
        let Some(handle) = self.workers.get(uid) else { return };
        let known = match &*handle.orders.borrow() {
            Order::Pod(pod) | Order::Static { pod, .. } => Some(pod.clone()),
            Order::Gone { .. } => None,
        };
        let Some(known) = known else { return };
        self.directory.remove(&known);
        let grace = desired::grace(last.unwrap_or(&known));
        handle.orders.send_replace(Order::Gone { grace });
    }

    fn start(&mut self, identity: PodIdentity, order: Order) {
        let (orders, received) = watch::channel(order);
        let wake = Arc::new(Notify::new());
        let uid = identity.uid.clone();
        let worker = Worker::new(self.shared.clone(), identity.clone(), received, wake.clone());
        self.workers.insert(uid, Handle { orders, wake });
        let task = self.tasks.spawn(worker.run());
        self.subjects.insert(task.id(), identity);
    }

    /// A worker ends with its pod. One that failed is a defect; its pod must not pay for it.
    async fn ended(&mut self, ended: Result<(task::Id, ()), task::JoinError>) {
        let id = ended.as_ref().map_or_else(task::JoinError::id, |(id, ())| *id);
        let Some(identity) = self.subjects.remove(&id) else { return };
        let handle = self.workers.remove(&identity.uid);
        if ended.is_ok() {
            self.gate.admission.release(&identity.uid);
            self.shared.rulings.forget(&identity.uid);
        }
        if let (Err(error), Some(handle)) = (ended, handle) {
            tracing::error!(%error, pod = identity.name, namespace = identity.namespace, "worker failed: another takes over");
            let order = handle.orders.borrow().clone();
            self.start(identity, order);
        }
        // Another may have waited for the name.
        self.settle().await;
    }

    fn wake(&self, change: &Change) {
        match change {
            Change::Pod(uid) => {
                if let Some(handle) = self.workers.get(uid) {
                    handle.wake.notify_one();
                }
            }
            Change::Everything => self.workers.values().for_each(|handle| handle.wake.notify_one()),
        }
    }

    /// What the runtime has of pods that the API server no longer has is ended. `false`: the runtime did not say.
    async fn adopt_orphans(&mut self, listed: &HashSet<String>) -> bool {
        let found = match self.shared.runtime.inventory().await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "cannot look for containers of pods that are gone");
                return false;
            }
        };
        for Found { pod, grace } in found {
            if !listed.contains(&pod.uid) && !self.workers.contains_key(&pod.uid) {
                tracing::info!(pod = pod.name, namespace = pod.namespace, uid = pod.uid, "pod is gone: ending it");
                self.start(pod, Order::Gone { grace });
            }
        }
        true
    }
}

#[path = "pods/from_files.rs"]
mod from_files;
#[cfg(test)]
mod tests;
