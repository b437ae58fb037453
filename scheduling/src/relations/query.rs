//! Which pods a rule is about.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use timonier_api::selector::{LabelSelector, Operator};

/// Labels of namespaces, by name.
#[derive(Debug, Clone, Default)]
pub struct NamespaceLabels(HashMap<Arc<str>, BTreeMap<String, String>>);

impl NamespaceLabels {
    pub fn of(&self, namespace: &str) -> Option<&BTreeMap<String, String>> {
        self.0.get(namespace)
    }

    /// Whether that made a difference.
    pub fn set(&mut self, namespace: Arc<str>, labels: BTreeMap<String, String>) -> bool {
        self.0.insert(namespace, labels.clone()).is_none_or(|known| known != labels)
    }

    pub fn remove(&mut self, namespace: &str) -> bool {
        self.0.remove(namespace).is_some()
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }
}

/// A pod, as far as rules look at it.
pub trait Member {
    fn namespace(&self) -> &Arc<str>;
    fn labels(&self) -> &BTreeMap<String, String>;
    fn is_ending(&self) -> bool;
}

impl<M: Member> Member for Arc<M> {
    fn namespace(&self) -> &Arc<str> {
        (**self).namespace()
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        (**self).labels()
    }

    fn is_ending(&self) -> bool {
        (**self).is_ending()
    }
}

/// Pods of some namespaces with some labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PodSet {
    /// Sorted.
    pub namespaces: Vec<Arc<str>>,
    /// More namespaces, by their labels.
    pub namespace_selector: Option<LabelSelector>,
    /// `None` selects nothing.
    pub selector: Option<LabelSelector>,
}

/// Pods that are in all of some sets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    sets: Vec<PodSet>,
    /// Pods that are being deleted do not count.
    living: bool,
}

impl PodSet {
    fn contains(&self, pod: &impl Member, namespaces: &NamespaceLabels) -> bool {
        let Some(selector) = &self.selector else { return false };
        let by_labels = || {
            let none = BTreeMap::new();
            let labels = namespaces.of(pod.namespace()).unwrap_or(&none);
            self.namespace_selector.as_ref().is_some_and(|selector| selector.matches(labels))
        };
        selector.matches(pod.labels()) && (self.namespaces.contains(pod.namespace()) || by_labels())
    }
}

impl Query {
    pub fn one(set: PodSet) -> Query {
        Query { sets: vec![set], living: false }
    }

    /// The pods of a namespace that count when pods are spread. An empty selector counts none, as in Kubernetes.
    pub fn spread(namespace: &Arc<str>, selector: Option<LabelSelector>) -> Query {
        let selector = selector.filter(|selector| !selector.is_empty());
        let set = PodSet { namespaces: vec![namespace.clone()], namespace_selector: None, selector };
        Query { sets: vec![set], living: true }
    }

    pub fn all_of<'a>(queries: impl Iterator<Item = &'a Query>) -> Query {
        let mut sets: Vec<PodSet> = Vec::new();
        for set in queries.flat_map(|query| &query.sets) {
            if !sets.contains(set) {
                sets.push(set.clone());
            }
        }
        Query { sets, living: false }
    }

    pub fn matches(&self, pod: &impl Member, namespaces: &NamespaceLabels) -> bool {
        !(self.living && pod.is_ending()) && self.matches_but_for_life(pod, namespaces)
    }

    /// Whether the pod counts, or would if it were not being deleted.
    pub fn matches_but_for_life(&self, pod: &impl Member, namespaces: &NamespaceLabels) -> bool {
        self.sets.iter().all(|set| set.contains(pod, namespaces))
    }

    /// Whether labels of namespaces make a difference.
    pub fn reads_namespaces(&self) -> bool {
        self.sets.iter().any(|set| set.namespace_selector.is_some())
    }

    /// A namespace (when it can only be one), and a label that every pod of the query has.
    pub(crate) fn anchor(&self) -> Option<(Option<&str>, &str, &str)> {
        self.sets.iter().find_map(|set| {
            let namespace = match (&set.namespaces[..], &set.namespace_selector) {
                ([only], None) => Some(&**only),
                _ => None,
            };
            set.selector.as_ref()?.requirements().iter().find_map(|requirement| {
                match (requirement.operator, &requirement.values[..]) {
                    (Operator::In, [value]) => Some((namespace, requirement.key.as_str(), value.as_str())),
                    _ => None,
                }
            })
        })
    }
}
