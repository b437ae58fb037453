//! PodDisruptionBudgets, as far as preemption reads them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::policy::v1 as policy;
use timonier_api::selector::LabelSelector;

use crate::pod::Pod;

#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    /// An empty one protects nothing here, as in Kubernetes.
    selector: Option<LabelSelector>,
    /// How many more pods may be disrupted.
    pub allowed: i64,
    /// Pods whose disruption is counted already.
    disrupted: BTreeSet<String>,
}

/// By namespace, then name.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    all: HashMap<Arc<str>, HashMap<Arc<str>, Budget>>,
    /// Grows with every change.
    changes: u64,
}

impl Budget {
    pub fn parse(budget: &policy::PodDisruptionBudget) -> Budget {
        let (meta, status) = (&budget.metadata, budget.status.as_ref());
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        Budget {
            namespace: meta.namespace.as_deref().unwrap_or_default().into(),
            name: meta.name.as_deref().unwrap_or_default().into(),
            selector: selector.and_then(|selector| LabelSelector::from_typed(selector).ok()),
            allowed: status.and_then(|status| status.disruptions_allowed).map_or(0, i64::from),
            disrupted: status
                .and_then(|status| status.disrupted_pods.as_ref())
                .map(|pods| pods.keys().cloned().collect())
                .unwrap_or_default(),
        }
    }

    fn protects(&self, pod: &Pod) -> bool {
        let selected =
            self.selector.as_ref().is_some_and(|selector| !selector.is_empty() && selector.matches(&pod.labels));
        selected && !self.disrupted.contains(&*pod.name)
    }
}

impl Budgets {
    /// Whether that made a difference.
    pub fn set(&mut self, budget: Budget) -> bool {
        let known = self.all.entry(budget.namespace.clone()).or_default();
        let differs = known.get(&budget.name) != Some(&budget);
        known.insert(budget.name.clone(), budget);
        self.changes += u64::from(differs);
        differs
    }

    pub fn remove(&mut self, namespace: &str, name: &str) -> bool {
        let Some(known) = self.all.get_mut(namespace) else { return false };
        let removed = known.remove(name).is_some();
        if known.is_empty() {
            self.all.remove(namespace);
        }
        self.changes += u64::from(removed);
        removed
    }

    /// A number that is another after every change.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub fn names(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.all.iter().flat_map(|(namespace, budgets)| budgets.keys().map(move |name| (namespace, name)))
    }

    /// The names of the budgets that would be violated if all of the pods were disrupted, as `namespace/name`.
    pub fn violated_by(&self, pods: &[Arc<Pod>]) -> Vec<String> {
        let namespaces: BTreeSet<&Arc<str>> = pods.iter().map(|pod| &pod.namespace).collect();
        let budgets = namespaces.into_iter().filter_map(|namespace| self.all.get(namespace)).flat_map(HashMap::values);
        let spent = |budget: &Budget| {
            let there = pods.iter().filter(|pod| pod.namespace == budget.namespace && budget.protects(pod));
            there.count() as i64
        };
        let violated = budgets.filter(|budget| spent(budget) > budget.allowed.max(0));
        let mut names: Vec<_> = violated.map(|budget| format!("{}/{}", budget.namespace, budget.name)).collect();
        names.sort_unstable();
        names
    }

    /// Which of the pods could not be disrupted without violating a budget, if all were, in this order.
    pub fn violated(&self, pods: &[Arc<Pod>]) -> Vec<bool> {
        let mut spent: HashMap<(&str, &str), i64> = HashMap::new();
        let violates = |pod: &Arc<Pod>| {
            let mut violates = false;
            for budget in self.all.get(&pod.namespace).into_iter().flat_map(HashMap::values) {
                if budget.protects(pod) {
                    let spent = spent.entry((&budget.namespace, &budget.name)).or_default();
                    *spent += 1;
                    violates |= *spent > budget.allowed;
                }
            }
            violates
        };
        pods.iter().map(violates).collect()
    }
}
