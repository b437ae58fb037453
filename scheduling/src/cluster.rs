//! The snapshot that decisions are made on: nodes, and the pods on them.

use std::collections::HashMap;
use std::ops::BitOr;
use std::sync::Arc;

use crate::node::{Node, Usage};
use crate::pod::Pod;
use crate::volume::{ClaimName, Volumes};
use crate::zones::Zones;

/// What became different, as a set: a pod that was refused is worth another look only when one of
/// the changes that could cure the refusal has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change(u32);

impl Change {
    pub const NONE: Change = Change(0);
    pub const NODE_ADDED: Change = Change(1);
    pub const NODE_LABELS: Change = Change(1 << 1);
    /// Taints, or `spec.unschedulable`, which stands for one.
    pub const NODE_TAINTS: Change = Change(1 << 2);
    pub const NODE_ALLOCATABLE: Change = Change(1 << 3);
    pub const POD_REMOVED: Change = Change(1 << 4);
    /// Claims, volumes or classes.
    pub const VOLUMES: Change = Change(1 << 5);
    /// A pod was given a node.
    pub const POD_ADDED: Change = Change(1 << 6);
    /// Labels of a pod that has a node.
    pub const POD_LABELS: Change = Change(1 << 7);
    pub const NODE_REMOVED: Change = Change(1 << 8);
    /// Labels of a namespace.
    pub const NAMESPACES: Change = Change(1 << 9);
    /// How many volumes of a driver a node takes.
    pub const VOLUME_LIMITS: Change = Change(1 << 10);

    pub fn intersects(self, other: Change) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Change {
    type Output = Change;
    fn bitor(self, other: Change) -> Change {
        Change(self.0 | other.0)
    }
}

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
    volumes: Volumes,
    /// How many of the pods use each claim.
    claims: HashMap<ClaimName, usize>,
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

    /// Whether a pod that is counted uses the claim.
    pub fn uses_claim(&self, namespace: &Arc<str>, name: &Arc<str>) -> bool {
        self.claims.contains_key(&(namespace.clone(), name.clone()))
    }

    /// Whether [`Cluster::follow`] has nothing left to do for the pod.
    pub fn follows(&self, _: &Pod) -> bool {
        true
    }

    /// Keeps count of what the pod's rules about other pods ask for, from now on.
    pub fn follow(&mut self, _: &Pod) {}

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
            let known = &mut self.nodes[at];
            let zone = known.zone.clone();
            let change = known.become_as(node);
            if known.zone != zone {
                self.zones.leave(zone.as_ref(), known.usage());
                self.zones.enter(known.zone.as_ref(), known.usage());
            }
            return change;
        }
        if let Some(usage) = self.strays.remove(&node.name) {
            self.zones.enter(node.zone.as_ref(), &usage);
            *node.usage_mut() = usage;
        }
        self.by_name.insert(node.name.clone(), self.nodes.len());
        self.nodes.push(node);
        Change::NODE_ADDED
    }

    /// Forgets a node; its pods are remembered in case it comes back before they are gone.
    pub fn remove_node(&mut self, name: &str) {
        let Some(at) = self.by_name.remove(name) else { return };
        let mut gone = self.nodes.swap_remove(at);
        if let Some(moved) = self.nodes.get(at) {
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
        self.pods.insert(pod.uid.clone(), node.clone());
        self.count_claims(&pod);
        let Some(&at) = self.by_name.get(node) else {
            return self.strays.entry(node.clone()).or_default().add(pod);
        };
        let node = &mut self.nodes[at];
        if let (Some(controller), Some(zone)) = (&pod.controller, &node.zone) {
            self.zones.add(controller, zone, 1);
        }
        node.usage_mut().add(pod);
    }

    /// Stops counting a pod. False when it was not counted.
    pub fn remove_pod(&mut self, uid: &str) -> bool {
        let Some(name) = self.pods.remove(uid) else { return false };
        let removed = if let Some(&at) = self.by_name.get(&name) {
            let node = &mut self.nodes[at];
            let pod = node.usage_mut().remove(uid);
            let controller = pod.as_ref().and_then(|pod| pod.controller.clone());
            if let (Some(controller), Some(zone)) = (controller, &node.zone) {
                self.zones.remove(&controller, zone, 1);
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
