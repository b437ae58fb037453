//! Terms of affinity and anti-affinity.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use timonier_api::selector::LabelSelector;

use super::query::{PodSet, Query};
use super::selector;

/// Pods, and the label of nodes that says what "in the same place" means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PodTerm {
    pub pods: Arc<Query>,
    pub key: Arc<str>,
}

/// A term of a pod, as those see it that come after the pod and are meant by the term.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Held {
    pub term: PodTerm,
    pub effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// They must not come into the same domain.
    Repels,
    /// Nodes of the domain gain so much when they are scored.
    Weighs(i64),
}

impl PodTerm {
    /// Without namespaces and without a selector of some it means the pod's own.
    pub fn parse(term: &core::PodAffinityTerm, labels: &BTreeMap<String, String>, namespace: &Arc<str>) -> PodTerm {
        let mut namespaces: Vec<Arc<str>> =
            term.namespaces.iter().flatten().map(|namespace| namespace.as_str().into()).collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.push(namespace.clone());
        }
        namespaces.sort_unstable();
        namespaces.dedup();
        let (same, other) = (term.match_label_keys.as_deref(), term.mismatch_label_keys.as_deref());
        let set = PodSet {
            namespaces,
            namespace_selector: term.namespace_selector.as_ref().and_then(|s| LabelSelector::from_typed(s).ok()),
            selector: selector(
                term.label_selector.as_ref(),
                labels,
                same.unwrap_or_default(),
                other.unwrap_or_default(),
            ),
        };
        PodTerm { pods: Arc::new(Query::one(set)), key: term.topology_key.as_str().into() }
    }
}
