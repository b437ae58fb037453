//! Rules of a pod about other pods: affinity, anti-affinity and topology spread.

mod query;
mod spread;
mod term;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use timonier_api::selector::{LabelSelector, Operator, Requirement};

pub use query::{Member, NamespaceLabels, PodSet, Query};
pub use spread::Constraint;
pub use term::{Effect, Held, PodTerm};

/// What an existing pod's required affinity weighs when nodes are scored for a pod that it is about.
const REQUIRED_WEIGHT: i64 = 1;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Relations {
    pub spread: Vec<Constraint>,
    /// Required affinity. One pod must satisfy all of its terms.
    pub affinity: Vec<PodTerm>,
    /// Pods that satisfy all terms of `affinity`; none without terms.
    pub companions: Option<Arc<Query>>,
    pub anti_affinity: Vec<PodTerm>,
    /// Preferred terms with their weights, negative for anti-affinity.
    pub preferred: Vec<(i64, PodTerm)>,
    /// What the pod's terms do to those that come after it.
    pub held: Vec<Arc<Held>>,
}

impl Relations {
    pub fn parse(spec: &core::PodSpec, labels: &BTreeMap<String, String>, namespace: &Arc<str>) -> Relations {
        let mut all = Relations {
            spread: spec
                .topology_spread_constraints
                .iter()
                .flatten()
                .map(|constraint| Constraint::parse(constraint, labels, namespace))
                .collect(),
            ..Relations::default()
        };
        let term = |term: &core::PodAffinityTerm| PodTerm::parse(term, labels, namespace);
        if let Some(affinity) = spec.affinity.as_ref().and_then(|all| all.pod_affinity.as_ref()) {
            let required = affinity.required_during_scheduling_ignored_during_execution.iter().flatten();
            all.affinity = required.map(term).collect();
            let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
            all.preferred.extend(preferred.map(|one| (i64::from(one.weight), term(&one.pod_affinity_term))));
        }
        if let Some(affinity) = spec.affinity.as_ref().and_then(|all| all.pod_anti_affinity.as_ref()) {
            let required = affinity.required_during_scheduling_ignored_during_execution.iter().flatten();
            all.anti_affinity = required.map(term).collect();
            let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
            all.preferred.extend(preferred.map(|one| (-i64::from(one.weight), term(&one.pod_affinity_term))));
        }
        if !all.affinity.is_empty() {
            all.companions = Some(Arc::new(Query::all_of(all.affinity.iter().map(|term| &*term.pods))));
        }
        let repels = all.anti_affinity.iter().map(|term| (Effect::Repels, term));
        let requires = all.affinity.iter().map(|term| (Effect::Weighs(REQUIRED_WEIGHT), term));
        let prefers = all.preferred.iter().map(|(weight, term)| (Effect::Weighs(*weight), term));
        let held = repels.chain(requires).chain(prefers);
        all.held = held.map(|(effect, term)| Arc::new(Held { term: term.clone(), effect })).collect();
        all
    }

    /// Everything that has to be counted for a decision: which pods, and over which topology key.
    pub fn counted(&self) -> impl Iterator<Item = (&Arc<Query>, &Arc<str>)> {
        let spread = self.spread.iter().map(|constraint| (&constraint.pods, &constraint.key));
        let companions = self.companions.iter();
        let affinity = companions.flat_map(|query| self.affinity.iter().map(move |term| (query, &term.key)));
        let others = self.anti_affinity.iter().chain(self.preferred.iter().map(|(_, term)| term));
        spread.chain(affinity).chain(others.map(|term| (&term.pods, &term.key)))
    }
}

/// A selector as pods write it, narrowed to the values that the pod itself has for some keys. `None` selects nothing.
fn selector(
    given: Option<&meta::LabelSelector>,
    labels: &BTreeMap<String, String>,
    same: &[String],
    other: &[String],
) -> Option<LabelSelector> {
    let mut requirements = LabelSelector::from_typed(given?).ok()?.requirements().to_vec();
    for (keys, operator) in [(same, Operator::In), (other, Operator::NotIn)] {
        for key in keys {
            if let Some(value) = labels.get(key)
                && let Ok(requirement) = Requirement::new(key, operator, vec![value.clone()])
                && !requirements.contains(&requirement)
            {
                requirements.push(requirement);
            }
        }
    }
    Some(LabelSelector::new(requirements))
}
