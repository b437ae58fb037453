//! The snapshot that decisions are made on: nodes, and the pods on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::budget::{Budget, Budgets};
use crate::census::Census;
use crate::change::Change;
use crate::journal::Journal;
use crate::node::{Node, Usage};
use crate::pod::Pod;
use crate::relations::Effect;
use crate::volume::{ClaimName, Volumes};
use crate::volume_limits::{NodeVolumeLimits, VolumeLimits};
use crate::zones::Zones;

/// Nodes with their pods. A change of a pod takes constant time, one of a node no more than its own pods.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    nodes: Vec<Node>,
    by_name: HashMap<Arc<str>, usize>,
    /// Which node each pod is counted on, by uid.
    pods: HashMap<Arc<str>, Arc<str>>,
    /// Pods whose node has no object (not seen yet, or deleted), by the node's name: watches of pods
    /// and of nodes are not ordered between each other.
    strays: HashMap<Arc<str>, Usage>,
    zones: Zones,
    census: Census,
    /// On how many nodes each image is.
    images: HashMap<Arc<str>, usize>,
    volume_limits: NodeVolumeLimits,
    budgets: Budgets,
    /// The node that each pod was promised, by the pod's uid.
    nominations: HashMap<Arc<str>, Arc<str>>,
    volumes: Volumes,
    /// How many of the pods use each claim.
    claims: HashMap<ClaimName, usize>,
    /// How many pods that were promised a node keep others away from them.
    averse_nominations: usize,
    journal: Journal,
}

impl Cluster {
    pub fn new() -> Cluster {
        Cluster::default()
    }

    /// In no particular order, but in the same one after the same changes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.position(name).map(|at| &self.nodes[at])
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// How many pods of each controller are in each zone.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// What pods' claims are about.
    pub fn volumes(&self) -> &Volumes {
        &self.volumes
    }

    pub fn volumes_mut(&mut self) -> &mut Volumes {
        &mut self.volumes
    }

    /// How many of the pods that are counted use the claim.
    pub fn users_of_claim(&self, namespace: &Arc<str>, name: &Arc<str>) -> usize {
        self.claims.get(&(namespace.clone(), name.clone())).copied().unwrap_or_default()
    }

    /// Who is where.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Whether [`Cluster::follow`] has nothing left to do for the pod.
    pub fn follows(&self, pod: &Pod) -> bool {
        self.census.follows(pod)
    }

    /// Keeps count of what the pod's rules about other pods ask for, from now on. That costs a look at all pods when
    /// no pod before had the same rules.
    pub fn follow(&mut self, pod: &Pod) {
        self.know_keys(pod);
        let by_name = &self.by_name;
        self.census.follow(pod, &self.nodes, |name| by_name.get(name).copied());
    }

    fn know_keys(&mut self, pod: &Pod) {
        for key in self.census.missing_keys(pod) {
            self.census.add_key(&key, &mut self.nodes);
        }
    }

    /// Labels of a namespace. Tells what became different.
    pub fn set_namespace(&mut self, name: Arc<str>, labels: BTreeMap<String, String>) -> Change {
        if self.census.set_namespace(name, labels) { Change::NAMESPACES } else { Change::NONE }
    }

    pub fn remove_namespace(&mut self, name: &str) -> Change {
        if self.census.remove_namespace(name) { Change::NAMESPACES } else { Change::NONE }
    }

    pub fn volume_limits(&self) -> &NodeVolumeLimits {
        &self.volume_limits
    }

    /// Tells what became different.
    pub fn set_volume_limits(&mut self, node: Arc<str>, limits: VolumeLimits) -> Change {
        if self.volume_limits.set(node, limits) { Change::VOLUME_LIMITS } else { Change::NONE }
    }

    pub fn remove_volume_limits(&mut self, node: &str) -> Change {
        if self.volume_limits.remove(node) { Change::VOLUME_LIMITS } else { Change::NONE }
    }

    /// None when it is on no node.
    pub fn nodes_with_image(&self, image: &str) -> Option<usize> {
        self.images.get(image).copied()
    }

    /// Counts a node's images, and keeps each name once.
    fn count_images(&mut self, node: &mut Node) {
        let images = std::mem::take(&mut node.images);
        for (name, bytes) in images {
            let known = self.images.get_key_value(&name).map(|(known, _)| known.clone());
            let name = known.unwrap_or(name);
            *self.images.entry(name.clone()).or_default() += 1;
            node.images.insert(name, bytes);
        }
    }

    fn discount_images(&mut self, at: usize) {
        for name in self.nodes[at].images.keys() {
            if let Some(nodes) = self.images.get_mut(name) {
                *nodes -= 1;
                if *nodes == 0 {
                    self.images.remove(name);
                }
            }
        }
    }

    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Tells what became different.
    pub fn set_budget(&mut self, budget: Budget) -> Change {
        if self.budgets.set(budget) { Change::BUDGETS } else { Change::NONE }
    }

    pub fn remove_budget(&mut self, namespace: &str, name: &str) -> Change {
        if self.budgets.remove(namespace, name) { Change::BUDGETS } else { Change::NONE }
    }

    /// Promises a node to a pod that waits for others to end there; an earlier promise is forgotten.
    pub fn nominate(&mut self, pod: &Arc<Pod>, node: &Arc<str>) {
        self.withdraw_nomination(&pod.uid);
        if let Some(&at) = self.by_name.get(node) {
            self.know_keys(pod);
            self.nodes[at].nominated.push(pod.clone());
            self.averse_nominations += usize::from(is_averse(pod));
            self.journal.touch(at);
            self.nominations.insert(pod.uid.clone(), node.clone());
        }
    }

    /// The node that a pod was promised.
    pub fn nomination(&self, uid: &str) -> Option<&Arc<str>> {
        self.nominations.get(uid)
    }

    /// Forgets the promise. False when there was none.
    pub fn withdraw_nomination(&mut self, uid: &str) -> bool {
        let Some(node) = self.nominations.remove(uid) else { return false };
        if let Some(&at) = self.by_name.get(&node) {
            let nominated = &mut self.nodes[at].nominated;
            if let Some(of_it) = nominated.iter().position(|pod| *pod.uid == *uid) {
                self.averse_nominations -= usize::from(is_averse(&nominated.remove(of_it)));
            }
            self.journal.touch(at);
        }
        true
    }

    /// Pods that were promised a node.
    pub fn nominated(&self, node: &str) -> &[Arc<Pod>] {
        self.node(node).map_or(&[], |node| &node.nominated)
    }

    /// Whether any pod that was promised a node keeps others away from it.
    pub(crate) fn has_averse_nominations(&self) -> bool {
        self.averse_nominations > 0
    }

    /// Which nodes became different.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A pod that is counted.
    pub fn pod(&self, uid: &str) -> Option<&Arc<Pod>> {
        let node = self.pods.get(uid)?;
        match self.by_name.get(node) {
            Some(&at) => self.nodes[at].usage().pod(uid),
            None => self.strays.get(node)?.pod(uid),
        }
    }

    fn count_claims(&mut self, pod: &Pod) {
        for claim in &pod.claims {
            *self.claims.entry((pod.namespace.clone(), claim.name.clone())).or_default() += 1;
        }
    }

    fn discount_claims(&mut self, pod: &Pod) {
        for claim in &pod.claims {
            let name = (pod.namespace.clone(), claim.name.clone());
            if let Some(count) = self.claims.get_mut(&name) {
                *count -= 1;
                if *count == 0 {
                    self.claims.remove(&name);
                }
            }
        }
    }

    /// Adds a node, or replaces what is known of it. Pods on it stay.
    pub fn set_node(&mut self, mut node: Node) -> Change {
        if let Some(&at) = self.by_name.get(&node.name) {
            if self.nodes[at].images != node.images {
                self.discount_images(at);
                self.count_images(&mut node);
            }
            let known = &mut self.nodes[at];
            let zone = known.zone.clone();
            let relabelled = known.labels != node.labels;
            if relabelled {
                self.census.leave(at, known);
            }
            let change = known.become_as(node);
            if relabelled {
                self.census.enter(at, known);
            }
            if known.zone != zone {
                self.zones.leave(zone.as_ref(), known.usage());
                self.zones.enter(known.zone.as_ref(), known.usage());
            }
            if !change.is_none() {
                self.journal.touch(at);
            }
            return change;
        }
        self.count_images(&mut node);
        if let Some(usage) = self.strays.remove(&node.name) {
            self.zones.enter(node.zone.as_ref(), &usage);
            *node.usage_mut() = usage;
        }
        self.census.enter(self.nodes.len(), &mut node);
        self.by_name.insert(node.name.clone(), self.nodes.len());
        self.journal.touch(self.nodes.len());
        self.nodes.push(node);
        Change::NODE_ADDED
    }

    /// Forgets a node; its pods are remembered in case it comes back before they are gone.
    pub fn remove_node(&mut self, name: &str) {
        let Some(at) = self.by_name.remove(name) else { return };
        self.discount_images(at);
        let mut gone = self.nodes.swap_remove(at);
        self.journal.restart();
        self.census.leave(at, &gone);
        for pod in &gone.nominated {
            self.nominations.remove(&pod.uid);
            self.averse_nominations -= usize::from(is_averse(pod));
        }
        if let Some(moved) = self.nodes.get(at) {
            self.census.move_node(self.nodes.len(), at, moved);
            self.by_name.insert(moved.name.clone(), at);
        }
        let usage = gone.take_usage();
        self.zones.leave(gone.zone.as_ref(), &usage);
        if !usage.is_empty() {
            self.strays.insert(gone.name, usage);
        }
    }

    /// Counts a pod on a node, whatever was known of that pod before.
    pub fn set_pod(&mut self, pod: Arc<Pod>, node: &Arc<str>) {
        self.remove_pod(&pod.uid);
        self.withdraw_nomination(&pod.uid);
        let name = self.by_name.get_key_value(node).map_or(node, |(name, _)| name);
        self.pods.insert(pod.uid.clone(), name.clone());
        self.count_claims(&pod);
        self.know_keys(&pod);
        let Some(&at) = self.by_name.get(node) else {
            return self.strays.entry(node.clone()).or_default().add(pod);
        };
        let node = &mut self.nodes[at];
        if let (Some(controller), Some(zone)) = (pod.counted_controller(), &node.zone) {
            self.zones.add(controller, zone, 1);
        }
        self.census.count(&pod, node);
        node.usage_mut().add(pod);
        self.journal.touch(at);
    }

    /// Stops counting a pod. False when it was not counted.
    pub fn remove_pod(&mut self, uid: &str) -> bool {
        let Some(name) = self.pods.remove(uid) else { return false };
        let removed = if let Some(&at) = self.by_name.get(&name) {
            let node = &mut self.nodes[at];
            self.journal.touch(at);
            let pod = node.usage_mut().remove(uid);
            if let Some(pod) = &pod {
                self.census.discount(pod, node);
                if let (Some(controller), Some(zone)) = (pod.counted_controller(), &node.zone) {
                    self.zones.remove(controller, zone, 1);
                }
            }
            pod
        } else if let Some(usage) = self.strays.get_mut(&name) {
            let pod = usage.remove(uid);
            if usage.is_empty() {
                self.strays.remove(&name);
            }
            pod
        } else {
            None
        };
        if let Some(pod) = removed {
            self.discount_claims(&pod);
        }
        true
    }

    /// The node that a pod is counted on.
    pub fn node_of(&self, uid: &str) -> Option<&Arc<str>> {
        self.pods.get(uid)
    }

    /// All pods that are counted.
    pub fn pod_uids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.pods.keys()
    }

    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }
}

/// Whether its anti-affinity may refuse a node to pods that come after it.
fn is_averse(pod: &Pod) -> bool {
    pod.relations.held.iter().any(|held| held.effect == Effect::Repels)
}
