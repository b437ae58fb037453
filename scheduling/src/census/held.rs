//! Terms of pods that have a node, and how many such pods are in each domain: what they mean for pods that come.

use std::collections::HashMap;
use std::sync::Arc;

use super::counts::Counts;
use super::domains::KeyId;
use super::index::Index;
use super::topology::Topology;
use crate::node::Node;
use crate::pod::Pod;
use crate::relations::{Held, NamespaceLabels};

/// Pods that share a term.
#[derive(Debug, Clone)]
pub struct Holding {
    pub held: Arc<Held>,
    pub key: KeyId,
    pub counts: Counts,
    /// Those too whose node is in no domain.
    pods: usize,
}

#[derive(Debug, Clone, Default)]
pub struct Holdings {
    all: Vec<Option<Holding>>,
    free: Vec<usize>,
    by_term: HashMap<Arc<Held>, usize>,
    index: Index,
}

impl Holdings {
    pub fn about<'a>(
        &'a self,
        pod: &'a Pod,
        namespaces: &'a NamespaceLabels,
    ) -> impl Iterator<Item = &'a Holding> + 'a {
        let candidates = self.index.candidates(pod).filter_map(|id| self.all[id].as_ref());
        candidates.filter(|holding| holding.held.term.pods.matches(pod, namespaces))
    }

    /// The keys of the pod's terms must be known.
    pub fn count(&mut self, pod: &Pod, node: &Node, topology: &Topology) {
        for held in &pod.relations.held {
            let Some(key) = topology.key(&held.term.key) else { continue };
            let id = match self.by_term.get(held) {
                Some(id) => *id,
                None => self.insert(held, key),
            };
            let Some(holding) = &mut self.all[id] else { continue };
            holding.pods += 1;
            if let Some(domain) = node.domains.of(key) {
                holding.counts.add(domain, 1);
            }
        }
    }

    pub fn discount(&mut self, pod: &Pod, node: &Node, topology: &Topology) {
        for held in &pod.relations.held {
            let Some(key) = topology.key(&held.term.key) else { continue };
            let Some(&id) = self.by_term.get(held) else { continue };
            let Some(holding) = &mut self.all[id] else { continue };
            holding.pods -= 1;
            if let Some(domain) = node.domains.of(key) {
                holding.counts.add(domain, -1);
            }
            if holding.pods == 0 {
                self.by_term.remove(held);
                self.index.remove(&held.term.pods, id);
                self.all[id] = None;
                self.free.push(id);
            }
        }
    }

    fn insert(&mut self, held: &Arc<Held>, key: KeyId) -> usize {
        let holding = Holding { held: held.clone(), key, counts: Counts::default(), pods: 0 };
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.all.push(None);
                self.all.len() - 1
            }
        };
        self.all[id] = Some(holding);
        self.by_term.insert(held.clone(), id);
        self.index.insert(&held.term.pods, id);
        id
    }
}
