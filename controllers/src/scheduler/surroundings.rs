//! What decisions depend on besides pods, nodes and storage: labels of namespaces, disruption budgets, and how many
//! volumes nodes take.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::{core::v1 as core, policy::v1 as policy, storage::v1 as storage};
use serde::{Deserialize, Deserializer};
use timonier_client::object::{Meta, Object, Resource, Revision};
use timonier_client::watch::Step;
use timonier_scheduling::budget::Budget;
use timonier_scheduling::volume_limits::VolumeLimits;
use timonier_scheduling::{Change, Cluster};

use super::view::meta;

#[derive(Debug, Clone)]
pub struct NamespaceView {
    pub meta: Meta,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct BudgetView {
    pub meta: Meta,
    pub budget: Budget,
}

#[derive(Debug, Clone)]
pub struct DriversView {
    pub meta: Meta,
    pub limits: VolumeLimits,
}

impl<'de> Deserialize<'de> for NamespaceView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let namespace = core::Namespace::deserialize(deserializer)?;
        let meta = meta(&namespace.metadata);
        Ok(NamespaceView { meta, labels: namespace.metadata.labels.unwrap_or_default() })
    }
}

impl<'de> Deserialize<'de> for BudgetView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let budget = policy::PodDisruptionBudget::deserialize(deserializer)?;
        Ok(BudgetView { meta: meta(&budget.metadata), budget: Budget::parse(&budget) })
    }
}

impl<'de> Deserialize<'de> for DriversView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = storage::CSINode::deserialize(deserializer)?;
        Ok(DriversView { meta: meta(&node.metadata), limits: VolumeLimits::parse(&node) })
    }
}

impl Object for NamespaceView {
    const KIND: &'static str = "Namespace";
    const RESOURCE: Resource = Resource::of("", "v1", "namespaces");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Object for BudgetView {
    const KIND: &'static str = "PodDisruptionBudget";
    const RESOURCE: Resource = Resource::of("policy", "v1", "poddisruptionbudgets");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Object for DriversView {
    const KIND: &'static str = "CSINode";
    const RESOURCE: Resource = Resource::of("storage.k8s.io", "v1", "csinodes");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// A step of one of the three watches.
pub enum SurroundingStep {
    Namespaces(Step<NamespaceView>),
    Budgets(Step<BudgetView>),
    Drivers(Step<DriversView>),
}

impl SurroundingStep {
    pub fn revision(&self) -> Revision {
        match self {
            SurroundingStep::Namespaces(step) => step.revision(),
            SurroundingStep::Budgets(step) => step.revision(),
            SurroundingStep::Drivers(step) => step.revision(),
        }
    }
}

/// Which of the watches have shown their lists.
#[derive(Debug, Default)]
pub struct Seen {
    namespaces: bool,
    budgets: bool,
    drivers: bool,
}

impl Seen {
    pub fn all(&self) -> bool {
        self.namespaces && self.budgets && self.drivers
    }

    /// Takes a step in. Tells what became different.
    pub fn take(&mut self, cluster: &mut Cluster, step: SurroundingStep) -> Change {
        match step {
            SurroundingStep::Namespaces(step) => self.namespace(cluster, step),
            SurroundingStep::Budgets(step) => self.budget(cluster, step),
            SurroundingStep::Drivers(step) => self.driver(cluster, step),
        }
    }

    fn namespace(&mut self, cluster: &mut Cluster, step: Step<NamespaceView>) -> Change {
        match step {
            Step::Reset { objects, .. } => {
                self.namespaces = true;
                let there: HashSet<&Arc<str>> = objects.iter().map(|view| &view.meta.name).collect();
                let known = cluster.census().namespaces().names();
                let gone: Vec<_> = known.filter(|name| !there.contains(name)).cloned().collect();
                let change = all(gone.iter().map(|name| cluster.remove_namespace(name)));
                change | all(objects.into_iter().map(|view| cluster.set_namespace(view.meta.name, view.labels)))
            }
            Step::Changed { object, .. } => cluster.set_namespace(object.meta.name, object.labels),
            Step::Removed { object, .. } => cluster.remove_namespace(&object.meta.name),
            Step::Progress { .. } => Change::NONE,
        }
    }

    fn budget(&mut self, cluster: &mut Cluster, step: Step<BudgetView>) -> Change {
        match step {
            Step::Reset { objects, .. } => {
                self.budgets = true;
                let there: HashSet<_> =
                    objects.iter().map(|view| (&view.budget.namespace, &view.budget.name)).collect();
                let known = cluster.budgets().names().filter(|name| !there.contains(name));
                let gone: Vec<_> = known.map(|(namespace, name)| (namespace.clone(), name.clone())).collect();
                let change = all(gone.iter().map(|(namespace, name)| cluster.remove_budget(namespace, name)));
                change | all(objects.into_iter().map(|view| cluster.set_budget(view.budget)))
            }
            Step::Changed { object, .. } => cluster.set_budget(object.budget),
            Step::Removed { object, .. } => cluster.remove_budget(&object.budget.namespace, &object.budget.name),
            Step::Progress { .. } => Change::NONE,
        }
    }

    fn driver(&mut self, cluster: &mut Cluster, step: Step<DriversView>) -> Change {
        match step {
            Step::Reset { objects, .. } => {
                self.drivers = true;
                let there: HashSet<&Arc<str>> = objects.iter().map(|view| &view.meta.name).collect();
                let known = cluster.volume_limits().nodes().filter(|name| !there.contains(name));
                let gone: Vec<_> = known.cloned().collect();
                let change = all(gone.iter().map(|name| cluster.remove_volume_limits(name)));
                change | all(objects.into_iter().map(|view| cluster.set_volume_limits(view.meta.name, view.limits)))
            }
            Step::Changed { object, .. } => cluster.set_volume_limits(object.meta.name, object.limits),
            Step::Removed { object, .. } => cluster.remove_volume_limits(&object.meta.name),
            Step::Progress { .. } => Change::NONE,
        }
    }
}

fn all(changes: impl Iterator<Item = Change>) -> Change {
    changes.fold(Change::NONE, |so_far, change| so_far | change)
}
