//! Counts of the pods that waiting pods' rules are about. A tally is kept from the time when somebody asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use super::counts::Counts;
use super::domains::KeyId;
use super::index::Index;
use crate::node::Node;
use crate::pod::Pod;
use crate::relations::{NamespaceLabels, Query};

/// More than these are not kept: those that were asked for longest ago go, and are counted anew when somebody asks again.
const KEPT: usize = 2048;

#[derive(Debug, Clone)]
pub struct Tally {
    query: Arc<Query>,
    /// Nodes without such pods are not in it.
    by_node: HashMap<Arc<str>, i64>,
    by_key: Vec<(KeyId, Counts)>,
    asked: u64,
}

impl Tally {
    pub fn counts(&self, key: KeyId) -> Option<&Counts> {
        self.by_key.iter().find(|(held, _)| *held == key).map(|(_, counts)| counts)
    }

    pub fn on(&self, node: &str) -> i64 {
        self.by_node.get(node).copied().unwrap_or_default()
    }

    fn add(&mut self, node: &Node, pods: i64) {
        let here = self.by_node.entry(node.name.clone()).or_default();
        *here += pods;
        if *here == 0 {
            self.by_node.remove(&node.name);
        }
        for (key, counts) in &mut self.by_key {
            if let Some(domain) = node.domains.of(*key) {
                counts.add(domain, pods);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Tallies {
    all: Vec<Option<Tally>>,
    free: Vec<usize>,
    by_query: HashMap<Arc<Query>, usize>,
    index: Index,
    /// Times that somebody asked.
    asked: u64,
}

impl Tallies {
    pub fn find(&self, query: &Arc<Query>) -> Option<&Tally> {
        self.all[*self.by_query.get(query)?].as_ref()
    }

    pub fn count(&mut self, pod: &Pod, node: &Node, namespaces: &NamespaceLabels) {
        self.add(pod, node, 1, namespaces);
    }

    pub fn discount(&mut self, pod: &Pod, node: &Node, namespaces: &NamespaceLabels) {
        self.add(pod, node, -1, namespaces);
    }

    fn add(&mut self, pod: &Pod, node: &Node, pods: i64, namespaces: &NamespaceLabels) {
        if self.by_query.is_empty() {
            return;
        }
        for id in self.index.candidates(pod) {
            if let Some(tally) = self.all[id].as_mut().filter(|tally| tally.query.matches(pod, namespaces)) {
                tally.add(node, pods);
            }
        }
    }

    /// Keeps a count from now on.
    pub fn keep(
        &mut self,
        query: &Arc<Query>,
        key: KeyId,
        nodes: &[Node],
        position: &impl Fn(&str) -> Option<usize>,
        namespaces: &NamespaceLabels,
    ) {
        self.asked += 1;
        let id = match self.by_query.get(query) {
            Some(id) => *id,
            None => self.insert(query, nodes, namespaces),
        };
        let Some(tally) = &mut self.all[id] else { return };
        tally.asked = self.asked;
        if tally.counts(key).is_some() {
            return;
        }
        let mut counts = Counts::default();
        for (node, pods) in &tally.by_node {
            if let Some(domain) = position(node).and_then(|at| nodes[at].domains.of(key)) {
                counts.add(domain, *pods);
            }
        }
        tally.by_key.push((key, counts));
    }

    fn insert(&mut self, query: &Arc<Query>, nodes: &[Node], namespaces: &NamespaceLabels) -> usize {
        let mut by_node = HashMap::new();
        for node in nodes {
            let pods = node.usage().pods().filter(|pod| query.matches(*pod, namespaces)).count();
            if pods > 0 {
                by_node.insert(node.name.clone(), pods as i64);
            }
        }
        let tally = Tally { query: query.clone(), by_node, by_key: vec![], asked: 0 };
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.all.push(None);
                self.all.len() - 1
            }
        };
        self.all[id] = Some(tally);
        self.by_query.insert(query.clone(), id);
        self.index.insert(query, id);
        id
    }

    fn forget(&mut self, id: usize) {
        if let Some(tally) = self.all[id].take() {
            self.by_query.remove(&tally.query);
            self.index.remove(&tally.query, id);
            self.free.push(id);
        }
    }

    /// Lets half of them go when there are too many.
    pub fn make_room(&mut self) {
        if self.by_query.len() <= KEPT {
            return;
        }
        let mut oldest: Vec<_> =
            self.all.iter().enumerate().filter_map(|(id, tally)| Some((tally.as_ref()?.asked, id))).collect();
        oldest.sort_unstable();
        for (_, id) in oldest.drain(..KEPT / 2) {
            self.forget(id);
        }
    }

    /// They are counted anew when somebody asks.
    pub fn forget_by_namespace_labels(&mut self) {
        let reads = |tally: &Option<Tally>| tally.as_ref().is_some_and(|tally| tally.query.reads_namespaces());
        let concerned: Vec<usize> = (0..self.all.len()).filter(|id| reads(&self.all[*id])).collect();
        for id in concerned {
            self.forget(id);
        }
    }
}
