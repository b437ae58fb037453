//! What the scheduler knows, and what it would do next. Pure: fed with steps, asked for actions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use timonier_client::object::{ObjectKey, Revision};
use timonier_client::watch::Step;
use timonier_scheduling::preemption::{NoPreemption, Preemption};
use timonier_scheduling::volume::Bindings;
use timonier_scheduling::{Change, Cluster, Pod, Profile, Scheduler, Unschedulable};
use tokio::time::Instant;
use tracing::error;

use super::awaiting::Awaiting;
use super::metrics;
use super::queue::Queue;
use super::storage::{Seen, StorageStep};
use super::surroundings::{self, SurroundingStep};
use super::view::{NodeView, PodView, Stage};

/// So many pairs of a parked pod and a pod that came, went or changed are compared at a time.
const COMPARISONS: usize = 200_000;

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

/// What becomes of `status.nominatedNodeName`.
#[derive(Debug, Clone, PartialEq)]
pub enum Nomination {
    Unchanged,
    Of(Arc<str>),
    Withdrawn,
}

/// A pod that fits nowhere, and why.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub pod: Arc<Pod>,
    pub message: String,
    /// Whether the pod's condition says something else so far.
    pub is_news: bool,
    pub nomination: Nomination,
    /// The newest revision that was seen when it was decided.
    pub seen: Revision,
}

/// A pod that fits nowhere, and those that make room for it.
#[derive(Debug, Clone)]
pub struct Displacement {
    pub refusal: Refusal,
    pub node: Arc<str>,
    pub victims: Vec<Arc<Pod>>,
    /// Less important pods that had been promised the node.
    pub displaced: Vec<Arc<Pod>>,
}

#[derive(Debug)]
pub enum Action {
    Bind(Binding),
    Report(Refusal),
    Preempt(Displacement),
}

/// How a binding ended.
#[derive(Debug)]
pub enum Outcome {
    /// Written, or nothing is left to write: the pod is gone or has a node. The watch will show which, and
    /// until then the assumption stands.
    Settled { uid: Arc<str> },
    /// Not written; worth another try.
    Failed { uid: Arc<str> },
    /// A pod that should make room could not be told to end.
    Spared { uid: Arc<str> },
    /// All that should make room for this pod were told so, or could not be.
    Told { uid: Arc<str> },
}

pub struct State {
    cluster: Cluster,
    queue: Queue,
    /// By `spec.schedulerName`.
    schedulers: HashMap<Arc<str>, Scheduler>,
    /// Given a node by us, and not yet seen there.
    assumed: HashMap<Arc<str>, Arc<Pod>>,
    /// The message of each waiting pod's condition.
    told: HashMap<Arc<str>, Box<str>>,
    /// What became different since the queue was last told.
    changed: Change,
    /// Pods that were given a node, left one or changed since then, for those whose rules are about such pods.
    kindred: Vec<(Change, Arc<Pod>)>,
    awaiting: Awaiting,
    seen_pods: bool,
    seen_nodes: bool,
    seen_storage: Seen,
    seen_surroundings: surroundings::Seen,
    /// The newest revision of all that was seen.
    seen: Revision,
}

impl State {
    /// Each profile by the `spec.schedulerName` of its pods.
    pub fn new(seed: u64, profiles: impl IntoIterator<Item = (Arc<str>, Profile)>) -> State {
        let scheduler = |(name, profile)| (name, Scheduler::with_profile(seed, profile));
        State {
            cluster: Cluster::new(),
            queue: Queue::default(),
            schedulers: profiles.into_iter().map(scheduler).collect(),
            assumed: HashMap::new(),
            told: HashMap::new(),
            changed: Change::NONE,
            kindred: Vec::new(),
            awaiting: Awaiting::default(),
            seen_pods: false,
            seen_nodes: false,
            seen_storage: Seen::default(),
            seen_surroundings: surroundings::Seen::default(),
            seen: Revision::default(),
        }
    }

    /// Whether all lists have arrived: before that a node may look emptier than it is.
    pub fn ready(&self) -> bool {
        self.seen_pods && self.seen_nodes && self.seen_storage.all() && self.seen_surroundings.all()
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
                let mut pod = pod;
                let node = self.cluster.node(&node).map_or(node, |known| known.name.clone());
                if let Some(pod) = Arc::get_mut(&mut pod) {
                    pod.node_name = Some(node.clone());
                }
                self.queue.remove(&uid);
                self.told.remove(&uid);
                self.assumed.remove(&uid);
                self.assigned(pod, &node);
            }
            // Seen late: the binding is under way, or done and still on its way back to us.
            Stage::Unscheduled if self.assumed.contains_key(&uid) => {}
            Stage::Unscheduled if self.schedulers.contains_key(&pod.scheduler) => {
                // What is known of a pod that waits already is newer than what is seen of it.
                if let Some(node) = view.nominated.filter(|_| !self.queue.contains(&uid)) {
                    self.cluster.nominate(&pod, &node);
                }
                match view.refusal {
                    Some(message) => drop(self.told.insert(uid, message)),
                    None => drop(self.told.remove(&uid)),
                }
                self.queue.put(pod, now);
            }
            Stage::Unscheduled | Stage::Ignored => self.forget(&uid),
        }
    }

    fn assigned(&mut self, mut pod: Arc<Pod>, node: &Arc<str>) {
        if !pod.terminating && self.awaiting.is_victim(&pod.uid) {
            pod = Arc::new(pod.to_be_preempted());
        }
        match self.cluster.pod(&pod.uid).cloned() {
            None => self.note_kindred(Change::POD_ADDED, &pod),
            Some(known) if *known == *pod && self.cluster.node_of(&pod.uid) == Some(node) => return,
            Some(known) => {
                if known.labels != pod.labels {
                    self.note_kindred(Change::POD_LABELS, &known);
                    self.note_kindred(Change::POD_LABELS, &pod);
                }
                if pod.terminating && !known.terminating {
                    self.note_kindred(Change::KINDRED_REMOVED, &pod);
                }
            }
        }
        if self.cluster.nomination(&pod.uid).is_some_and(|promised| promised != node) {
            self.changed = self.changed | Change::POD_REMOVED;
        }
        self.cluster.set_pod(pod, node);
    }

    /// Something happened to a pod that has, or had, a node.
    fn note_kindred(&mut self, change: Change, pod: &Arc<Pod>) {
        if self.queue.parked() > 0 {
            self.kindred.push((change, pod.clone()));
        }
    }

    fn forget(&mut self, uid: &Arc<str>) {
        self.queue.remove(uid);
        self.told.remove(uid);
        self.assumed.remove(uid);
        self.awaiting.forget(uid);
        self.uncount(uid);
        if self.cluster.withdraw_nomination(uid) {
            self.changed = self.changed | Change::POD_REMOVED;
        }
        if let Some(preemptor) = self.awaiting.gone(uid) {
            self.queue.hurry(&preemptor);
        }
    }

    fn uncount(&mut self, uid: &Arc<str>) {
        let pod = self.cluster.pod(uid).cloned();
        if self.cluster.remove_pod(uid) {
            self.changed = self.changed | Change::POD_REMOVED;
        }
        if let Some(pod) = pod {
            self.note_kindred(Change::KINDRED_REMOVED, &pod);
        }
    }

    pub fn nodes(&mut self, step: Step<NodeView>) {
        self.seen = self.seen.max(step.revision());
        match step {
            Step::Reset { objects, .. } => {
                let there: HashSet<_> = objects.iter().map(|view| view.meta.name.clone()).collect();
                let gone = self.cluster.nodes().iter().filter(|node| !there.contains(&node.name));
                for name in gone.map(|node| node.name.clone()).collect::<Vec<_>>() {
                    self.remove_node(&name);
                }
                objects.into_iter().for_each(|view| self.node(view));
                self.seen_nodes = true;
            }
            Step::Changed { object, .. } => self.node(object),
            Step::Removed { object, .. } => self.remove_node(&object.meta.name),
            Step::Progress { .. } => {}
        }
    }

    fn node(&mut self, view: NodeView) {
        match view.node {
            Ok(node) => self.changed = self.changed | self.cluster.set_node(node),
            Err(cause) => {
                error!("node {} takes no pods: {cause}", view.meta.name);
                self.remove_node(&view.meta.name);
            }
        }
    }

    fn remove_node(&mut self, name: &str) {
        self.cluster.remove_node(name);
        self.changed = self.changed | Change::NODE_REMOVED;
    }

    pub fn surroundings(&mut self, step: SurroundingStep) {
        self.seen = self.seen.max(step.revision());
        self.changed = self.changed | self.seen_surroundings.take(&mut self.cluster, step);
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
            // Those that end at once are gone by now. While others take their time the pod may find another place.
            Outcome::Told { uid } => self.queue.reconsider(&uid, now),
            Outcome::Spared { uid } => {
                if let Some(preemptor) = self.awaiting.gone(&uid) {
                    self.queue.hurry(&preemptor);
                }
                if let (Some(pod), Some(node)) = (self.cluster.pod(&uid), self.cluster.node_of(&uid).cloned()) {
                    let pod = Arc::new(pod.spared());
                    self.cluster.set_pod(pod, &node);
                }
            }
        }
    }

    /// Takes back an assumption, unless the watch has confirmed it meanwhile.
    fn withdraw(&mut self, uid: &Arc<str>) {
        if self.assumed.remove(uid).is_some() {
            self.uncount(uid);
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
        let kindred = std::mem::take(&mut self.kindred);
        if kindred.is_empty() {
            return;
        }
        let namespaces = self.cluster.census().namespaces();
        let any = kindred.iter().fold(Change::NONE, |so_far, (change, _)| so_far | *change);
        // Comparing all with all must not take longer than trying in vain.
        let few = kindred.len() * self.queue.parked() <= COMPARISONS;
        let helps = |pod: &Pod, until: Change| {
            let mut candidates = kindred.iter().filter(|(change, _)| until.intersects(*change));
            candidates.any(|(_, other)| !few || pod.relates_to(other, namespaces))
        };
        self.queue.wake_if(any, helps, now);
    }

    /// Decides on one pod. None when no pod is to be tried now.
    pub fn decide(&mut self, now: Instant) -> Option<Action> {
        if !self.ready() {
            return None;
        }
        let pod = self.queue.pop()?;
        self.cluster.follow(&pod);
        // Pods of schedulers that are not here are never put into the queue.
        let scheduler = self.schedulers.get_mut(&pod.scheduler)?;
        match scheduler.schedule(&pod, &self.cluster) {
            Ok(decision) => {
                self.cluster.set_pod(pod.clone(), &decision.node);
                self.note_kindred(Change::POD_ADDED, &pod);
                self.awaiting.forget(&pod.uid);
                self.assumed.insert(pod.uid.clone(), pod.clone());
                self.cluster.volumes_mut().assume(&pod.uid, &decision.node, &decision.bindings);
                Some(Action::Bind(Binding { pod, node: decision.node, bindings: decision.bindings, seen: self.seen }))
            }
            Err(refused) => {
                let preemption = match &refused {
                    Unschedulable::Refused(why) => scheduler.preempt(&pod, &self.cluster, why),
                    Unschedulable::NoNodes => None,
                };
                Some(self.refuse(pod, &refused, preemption, now))
            }
        }
    }

    fn refuse(
        &mut self,
        pod: Arc<Pod>,
        refused: &Unschedulable,
        preemption: Option<Result<Preemption, NoPreemption>>,
        now: Instant,
    ) -> Action {
        let mut message = refused.to_string();
        let mut nomination = Nomination::Unchanged;
        match &preemption {
            Some(Ok(found)) => nomination = Nomination::Of(found.node.clone()),
            Some(Err(why)) => {
                message.push_str(&format!(" preemption: {why}"));
                if matches!(why, NoPreemption::Useless { .. }) && self.cluster.withdraw_nomination(&pod.uid) {
                    self.changed = self.changed | Change::POD_REMOVED;
                    nomination = Nomination::Withdrawn;
                }
            }
            None => {}
        }
        let is_news = self.told.get(&pod.uid).is_none_or(|told| **told != *message);
        self.told.insert(pod.uid.clone(), message.as_str().into());
        let refusal = Refusal { pod: pod.clone(), message, is_news, nomination, seen: self.seen };
        match &preemption {
            Some(Ok(found)) if found.victims.is_empty() => self.queue.retry(&pod.uid, now),
            // Each victim's end would wake all that wait for theirs.
            Some(Ok(_)) => self.queue.park(&pod.uid, Change::NONE, now),
            _ => self.queue.park(&pod.uid, refused.curable_by(), now),
        }
        match preemption {
            Some(Ok(found)) => Action::Preempt(self.displace(refusal, found)),
            _ => Action::Report(refusal),
        }
    }

    /// Takes the victims for as good as gone, and the node for promised.
    fn displace(&mut self, refusal: Refusal, found: Preemption) -> Displacement {
        let pod = &refusal.pod;
        let lesser = self.cluster.nominated(&found.node).iter().filter(|other| other.priority < pod.priority);
        let displaced: Vec<_> = lesser.cloned().collect();
        for other in &displaced {
            self.cluster.withdraw_nomination(&other.uid);
        }
        self.cluster.nominate(pod, &found.node);
        for victim in &found.victims {
            let victim = Arc::new(victim.to_be_preempted());
            self.note_kindred(Change::KINDRED_REMOVED, &victim);
            self.cluster.set_pod(victim, &found.node);
        }
        self.awaiting.forget(&pod.uid);
        self.awaiting.expect(&pod.uid, found.victims.iter().map(|victim| victim.uid.clone()));
        Displacement { refusal, node: found.node, victims: found.victims, displaced }
    }
}

/// The key of a pod's object.
pub fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::namespaced(pod.namespace.clone(), pod.name.clone())
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
