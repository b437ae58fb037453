//! What the scheduler knows, and what it would do next. Pure: fed with steps, asked for actions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use timonier_client::object::{ObjectKey, Revision};
use timonier_client::watch::Step;
use timonier_scheduling::volume::Bindings;
use timonier_scheduling::{Change, Cluster, Pod, Scheduler};
use tokio::time::Instant;
use tracing::error;

use super::metrics;
use super::queue::Queue;
use super::storage::{Seen, StorageStep};
use super::view::{NodeView, PodView, Stage};

/// A pod and the node that it was given.
#[derive(Debug, Clone)]
pub struct Binding {
    pub pod: Arc<Pod>,
    pub node: Arc<str>,
    /// What its claims need first.
    pub bindings: Bindings,
    /// The newest revision that was seen when it was decided.
    pub seen: Revision,
}

/// A pod that fits nowhere, and why.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub pod: Arc<Pod>,
    pub message: String,
    /// Whether the pod's condition says something else so far.
    pub is_news: bool,
    /// The newest revision that was seen when it was decided.
    pub seen: Revision,
}

#[derive(Debug)]
pub enum Action {
    Bind(Binding),
    Report(Refusal),
}

/// How a binding ended.
#[derive(Debug)]
pub enum Outcome {
    /// Written, or nothing is left to write: the pod is gone or has a node. The watch will show which, and
    /// until then the assumption stands.
    Settled { uid: Arc<str> },
    /// Not written; worth another try.
    Failed { uid: Arc<str> },
}

pub struct State {
    cluster: Cluster,
    queue: Queue,
    scheduler: Scheduler,
    /// Given a node by us, and not yet seen there.
    assumed: HashMap<Arc<str>, Arc<Pod>>,
    /// The message of each waiting pod's condition.
    told: HashMap<Arc<str>, Box<str>>,
    /// What became different since the queue was last told.
    changed: Change,
    seen_pods: bool,
    seen_nodes: bool,
    seen_storage: Seen,
    /// The newest revision of all that was seen.
    seen: Revision,
}

impl State {
    pub fn new(seed: u64) -> State {
        State {
            cluster: Cluster::new(),
            queue: Queue::default(),
            scheduler: Scheduler::new(seed),
            assumed: HashMap::new(),
            told: HashMap::new(),
            changed: Change::NONE,
            seen_pods: false,
            seen_nodes: false,
            seen_storage: Seen::default(),
            seen: Revision::default(),
        }
    }

    /// Whether all lists have arrived: before that a node may look emptier than it is.
    pub fn ready(&self) -> bool {
        self.seen_pods && self.seen_nodes && self.seen_storage.all()
    }

    pub fn has_work(&self) -> bool {
        self.queue.has_active()
    }

    pub fn in_flight(&self) -> usize {
        self.queue.in_flight()
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.queue.next_due()
    }

    pub fn pods(&mut self, step: Step<PodView>, now: Instant) {
        self.seen = self.seen.max(step.revision());
        match step {
            Step::Reset { objects, .. } => {
                let there: HashSet<_> = objects.iter().map(|view| view.meta.uid.clone()).collect();
                let mut known: Vec<_> = self.cluster.pod_uids().cloned().collect();
                known.extend(self.queue.uids());
                for uid in known.iter().filter(|uid| !there.contains(*uid)) {
                    self.forget(uid);
                }
                for view in objects {
                    self.pod(view, now);
                }
                self.seen_pods = true;
            }
            Step::Changed { object, .. } => self.pod(object, now),
            Step::Removed { object, .. } => self.forget(&object.meta.uid),
            Step::Progress { .. } => {}
        }
    }

    fn pod(&mut self, view: PodView, now: Instant) {
        let uid = view.meta.uid.clone();
        let pod = match view.pod {
            Ok(pod) => pod,
            Err(cause) => {
                error!("pod {} cannot be scheduled or counted: {cause}", view.meta.key());
                return self.forget(&uid);
            }
        };
        match view.stage {
            Stage::Assigned(node) => {
                self.queue.remove(&uid);
                self.told.remove(&uid);
                self.assumed.remove(&uid);
                self.cluster.set_pod(pod, &node);
            }
            // Seen late: the binding is under way, or done and still on its way back to us.
            Stage::Unscheduled if self.assumed.contains_key(&uid) => {}
            Stage::Unscheduled => {
                match view.refusal {
                    Some(message) => drop(self.told.insert(uid, message)),
                    None => drop(self.told.remove(&uid)),
                }
                self.queue.put(pod, now);
            }
            Stage::Ignored => self.forget(&uid),
        }
    }

    fn forget(&mut self, uid: &Arc<str>) {
        self.queue.remove(uid);
        self.told.remove(uid);
        self.assumed.remove(uid);
        if self.cluster.remove_pod(uid) {
            self.changed = self.changed | Change::POD_REMOVED;
        }
    }

    pub fn nodes(&mut self, step: Step<NodeView>) {
        self.seen = self.seen.max(step.revision());
        match step {
            Step::Reset { objects, .. } => {
                let there: HashSet<_> = objects.iter().map(|view| view.meta.name.clone()).collect();
                let gone = self.cluster.nodes().iter().filter(|node| !there.contains(&node.name));
                for name in gone.map(|node| node.name.clone()).collect::<Vec<_>>() {
                    self.cluster.remove_node(&name);
                }
                objects.into_iter().for_each(|view| self.node(view));
                self.seen_nodes = true;
            }
            Step::Changed { object, .. } => self.node(object),
            Step::Removed { object, .. } => self.cluster.remove_node(&object.meta.name),
            Step::Progress { .. } => {}
        }
    }

    fn node(&mut self, view: NodeView) {
        match view.node {
            Ok(node) => self.changed = self.changed | self.cluster.set_node(node),
            Err(cause) => {
                error!("node {} takes no pods: {cause}", view.meta.name);
                self.cluster.remove_node(&view.meta.name);
            }
        }
    }

    pub fn storage(&mut self, step: StorageStep) {
        self.seen = self.seen.max(step.revision());
        self.changed = self.changed | self.seen_storage.take(&mut self.cluster, step);
    }

    /// How a binding of ours ended.
    pub fn bound(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Settled { uid } => {
                self.cluster.volumes_mut().forget(&uid);
                self.queue.remove(&uid);
            }
            Outcome::Failed { uid } => {
                self.cluster.volumes_mut().forget(&uid);
                self.withdraw(&uid);
                self.queue.retry(&uid, now);
            }
        }
    }

    /// Takes back an assumption, unless the watch has confirmed it meanwhile.
    fn withdraw(&mut self, uid: &Arc<str>) {
        if self.assumed.remove(uid).is_some() && self.cluster.remove_pod(uid) {
            self.changed = self.changed | Change::POD_REMOVED;
        }
    }

    /// Shows how many pods wait, and for what.
    pub fn show_pending(&self) {
        let [active, backing_off, parked] = self.queue.lengths();
        metrics::pending(active, backing_off, parked);
    }

    /// Lets the queue know what changed and how late it is.
    pub fn wake(&mut self, now: Instant) {
        self.queue.tick(now);
        let changed = std::mem::take(&mut self.changed);
        if !changed.is_none() {
            self.queue.wake(changed, now);
        }
    }

    /// Decides on one pod. None when no pod is to be tried now.
    pub fn decide(&mut self, now: Instant) -> Option<Action> {
        if !self.ready() {
            return None;
        }
        let pod = self.queue.pop()?;
        match self.scheduler.schedule(&pod, &self.cluster) {
            Ok(decision) => {
                self.cluster.set_pod(pod.clone(), &decision.node);
                self.assumed.insert(pod.uid.clone(), pod.clone());
                self.cluster.volumes_mut().assume(&pod.uid, &decision.node, &decision.bindings);
                Some(Action::Bind(Binding { pod, node: decision.node, bindings: decision.bindings, seen: self.seen }))
            }
            Err(refused) => {
                self.queue.park(&pod.uid, refused.curable_by(), now);
                let message = refused.to_string();
                let is_news = self.told.get(&pod.uid).is_none_or(|told| **told != *message);
                self.told.insert(pod.uid.clone(), message.as_str().into());
                Some(Action::Report(Refusal { pod, message, is_news, seen: self.seen }))
            }
        }
    }
}

/// The key of a pod's object.
pub fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::namespaced(pod.namespace.clone(), pod.name.clone())
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
