//! Nodes sorted into domains by the labels that rules name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::domains::{DomainId, Domains, KeyId, NOWHERE};
use crate::node::Node;

#[derive(Debug, Clone, Default)]
pub struct Topology {
    ids: HashMap<Arc<str>, KeyId>,
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    label: Arc<str>,
    ids: HashMap<Arc<str>, DomainId>,
    /// By id: the value, and the positions of the nodes that have it.
    domains: Vec<(Arc<str>, Vec<u32>)>,
    free: Vec<DomainId>,
    /// Nodes that have the label.
    nodes: usize,
}

impl Topology {
    pub fn key(&self, label: &str) -> Option<KeyId> {
        self.ids.get(label).copied()
    }

    pub fn label(&self, key: KeyId) -> &Arc<str> {
        &self.keys[key.0].label
    }

    pub fn value(&self, key: KeyId, domain: DomainId) -> &Arc<str> {
        &self.keys[key.0].domains[domain.0 as usize].0
    }

    /// How many domains have nodes.
    pub fn domains(&self, key: KeyId) -> usize {
        self.keys[key.0].ids.len()
    }

    /// The positions of a domain's nodes, in no particular order.
    pub fn members(&self, key: KeyId, domain: DomainId) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.keys[key.0].domains[domain.0 as usize].1.iter().map(|at| *at as usize)
    }

    /// How many nodes have the label.
    pub fn nodes(&self, key: KeyId) -> usize {
        self.keys[key.0].nodes
    }

    /// None when it is there already.
    pub(super) fn add_key(&mut self, label: &Arc<str>) -> Option<KeyId> {
        if self.ids.contains_key(label) {
            return None;
        }
        let id = KeyId(self.keys.len());
        self.ids.insert(label.clone(), id);
        let label = label.clone();
        self.keys.push(Key { label, ids: HashMap::new(), domains: vec![], free: vec![], nodes: 0 });
        Some(id)
    }

    pub(super) fn enter(&mut self, at: usize, labels: &BTreeMap<String, String>) -> Domains {
        let domains = self.keys.iter_mut().map(|key| key.enter(at, labels.get(&*key.label)));
        Domains(domains.collect())
    }

    pub(super) fn enter_key(&mut self, key: KeyId, at: usize, node: &mut Node) {
        let label = &mut self.keys[key.0];
        let domain = label.enter(at, node.labels.get(&*label.label));
        let domains = &mut node.domains;
        domains.0.resize(key.0, NOWHERE);
        domains.0.push(domain);
    }

    pub(super) fn leave(&mut self, at: usize, domains: &Domains) {
        for (key, domain) in self.keys.iter_mut().zip(&domains.0) {
            key.leave(at, *domain);
        }
    }

    /// A node has another position.
    pub(super) fn move_node(&mut self, from: usize, to: usize, domains: &Domains) {
        for (key, domain) in self.keys.iter_mut().zip(&domains.0).filter(|(_, domain)| **domain != NOWHERE) {
            let members = key.domains[domain.0 as usize].1.iter_mut();
            members.filter(|at| **at as usize == from).for_each(|at| *at = to as u32);
        }
    }
}

impl Key {
    fn enter(&mut self, at: usize, value: Option<&String>) -> DomainId {
        let Some(value) = value else { return NOWHERE };
        self.nodes += 1;
        if let Some(domain) = self.ids.get(value.as_str()) {
            self.domains[domain.0 as usize].1.push(at as u32);
            return *domain;
        }
        let value: Arc<str> = value.as_str().into();
        let domain = match self.free.pop() {
            Some(domain) => {
                self.domains[domain.0 as usize] = (value.clone(), vec![at as u32]);
                domain
            }
            None => {
                self.domains.push((value.clone(), vec![at as u32]));
                DomainId(self.domains.len() as u32 - 1)
            }
        };
        self.ids.insert(value, domain);
        domain
    }

    fn leave(&mut self, at: usize, domain: DomainId) {
        if domain == NOWHERE {
            return;
        }
        self.nodes -= 1;
        let (value, nodes) = &mut self.domains[domain.0 as usize];
        if let Some(of_it) = nodes.iter().position(|member| *member as usize == at) {
            nodes.swap_remove(of_it);
        }
        if nodes.is_empty() {
            self.ids.remove(value);
            self.free.push(domain);
        }
    }
}
