//! How many pods of which kind are in which topology domain, kept up to date. A decision then asks for each node
//! for one number instead of looking at all pods of all nodes.
//!
//! Invariants:
//! * only pods whose node is there are counted;
//! * a tally that is kept says what counting all pods anew would say.

mod counts;
pub(crate) mod domains;
mod held;
mod index;
mod tally;
mod topology;

use std::sync::Arc;

pub use counts::Counts;
pub use domains::{DomainId, Domains, KeyId};
pub use held::Holding;
pub use tally::Tally;
pub use topology::Topology;

use crate::node::Node;
use crate::pod::Pod;
use crate::relations::{NamespaceLabels, Query};
use held::Holdings;
use tally::Tallies;

#[derive(Debug, Clone, Default)]
pub struct Census {
    topology: Topology,
    tallies: Tallies,
    holdings: Holdings,
    namespaces: NamespaceLabels,
}

impl Census {
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    pub fn namespaces(&self) -> &NamespaceLabels {
        &self.namespaces
    }

    /// The count of a query, if it is kept for this key.
    pub fn tally(&self, query: &Arc<Query>, key: &str) -> Option<(KeyId, &Tally, &Counts)> {
        let key = self.topology.key(key)?;
        let tally = self.tallies.find(query)?;
        Some((key, tally, tally.counts(key)?))
    }

    /// What existing pods' terms do to a pod.
    pub fn holdings<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a Holding> + 'a {
        self.holdings.about(pod, &self.namespaces)
    }

    /// The node is there, at this position, with its pods.
    pub(crate) fn enter(&mut self, at: usize, node: &mut Node) {
        node.domains = self.topology.enter(at, &node.labels);
        for pod in node.usage().pods() {
            self.count(pod, node);
        }
    }

    /// The node and its pods are gone, or will come back with other labels.
    pub(crate) fn leave(&mut self, at: usize, node: &Node) {
        for pod in node.usage().pods() {
            self.discount(pod, node);
        }
        self.topology.leave(at, &node.domains);
    }

    /// The node has another position.
    pub(crate) fn move_node(&mut self, from: usize, to: usize, node: &Node) {
        self.topology.move_node(from, to, &node.domains);
    }

    pub(crate) fn count(&mut self, pod: &Arc<Pod>, node: &Node) {
        self.tallies.count(pod, node, &self.namespaces);
        self.holdings.count(pod, node, &self.topology);
    }

    pub(crate) fn discount(&mut self, pod: &Arc<Pod>, node: &Node) {
        self.tallies.discount(pod, node, &self.namespaces);
        self.holdings.discount(pod, node, &self.topology);
    }

    /// Which of the pod's keys nodes have not been sorted by yet.
    pub(crate) fn missing_keys(&self, pod: &Pod) -> Vec<Arc<str>> {
        let rules = &pod.relations;
        let keys = rules.counted().map(|(_, key)| key).chain(rules.held.iter().map(|held| &held.term.key));
        keys.filter(|key| self.topology.key(key).is_none()).cloned().collect()
    }

    /// Sorts all nodes by one more label.
    pub(crate) fn add_key(&mut self, key: &Arc<str>, nodes: &mut [Node]) {
        let Some(key) = self.topology.add_key(key) else { return };
        for (at, node) in nodes.iter_mut().enumerate() {
            self.topology.enter_key(key, at, node);
        }
    }

    pub(crate) fn follows(&self, pod: &Pod) -> bool {
        pod.relations.counted().all(|(query, key)| self.tally(query, key).is_some())
    }

    pub(crate) fn follow(&mut self, pod: &Pod, nodes: &[Node], position: impl Fn(&str) -> Option<usize>) {
        self.tallies.make_room();
        for (query, key) in pod.relations.counted() {
            let Some(key) = self.topology.key(key) else { continue };
            self.tallies.keep(query, key, nodes, &position, &self.namespaces);
        }
    }

    /// Whether a namespace's labels became different.
    pub(crate) fn set_namespace(&mut self, name: Arc<str>, labels: std::collections::BTreeMap<String, String>) -> bool {
        let differs = self.namespaces.set(name, labels);
        if differs {
            self.tallies.forget_by_namespace_labels();
        }
        differs
    }

    pub(crate) fn remove_namespace(&mut self, name: &str) -> bool {
        let differs = self.namespaces.remove(name);
        if differs {
            self.tallies.forget_by_namespace_labels();
        }
        differs
    }
}

#[cfg(test)]
mod tests;
