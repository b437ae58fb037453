//! What scheduling needs to know of a node, and what the pods on it use.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use crate::QuantityError;
use crate::census::domains::Domains;
use crate::change::Change;
use crate::host_port::HostPort;
use crate::pod::Pod;
use crate::resource::{Resources, parse_quantity};
use crate::selector::Labelled;
use crate::taint::Taint;

pub const ZONE: &str = "topology.kubernetes.io/zone";

/// A node as its object says it is, with the use that is made of it.
#[derive(Debug, Clone)]
pub struct Node {
    pub name: Arc<str>,
    pub labels: BTreeMap<String, String>,
    /// The label [`ZONE`], found once: spreading asks every node for it.
    pub zone: Option<Arc<str>>,
    pub unschedulable: bool,
    pub taints: Vec<Arc<Taint>>,
    pub allocatable: Resources,
    /// How many pods it takes.
    pub max_pods: i64,
    /// Images that are there, by each of their names, with their bytes.
    pub images: HashMap<Arc<str>, i64>,
    /// Where it is, by the labels that rules name.
    pub(crate) domains: Domains,
    /// Pods that were promised it, and wait for others to end.
    pub(crate) nominated: Vec<Arc<Pod>>,
    usage: Usage,
}

/// What pods take on one node. Adding a pod and removing it leaves no trace.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    pods: HashMap<Arc<str>, Arc<Pod>>,
    requested: Resources,
    weight: (i64, i64),
    host_ports: Vec<HostPort>,
    by_controller: HashMap<Arc<str>, u32>,
    /// How many pods have each priority.
    priorities: BTreeMap<i32, u32>,
}

impl Labelled for Node {
    fn name(&self) -> &str {
        &self.name
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

impl Node {
    /// `allocatable` as the node's agent reported it; a node that has not reported offers nothing.
    pub fn parse(node: &core::Node) -> Result<Node, QuantityError> {
        let spec = node.spec.as_ref();
        let none = BTreeMap::new();
        let field = "status.allocatable";
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref()).unwrap_or(&none);
        let max_pods = match allocatable.get("pods") {
            Some(pods) => parse_quantity(pods, &field, "pods")?.value(),
            None => 0,
        };
        let labels = node.metadata.labels.clone().unwrap_or_default();
        Ok(Node {
            name: node.metadata.name.as_deref().unwrap_or_default().into(),
            zone: labels.get(ZONE).map(|zone| zone.as_str().into()),
            labels,
            unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or_default(),
            taints: spec
                .and_then(|spec| spec.taints.as_ref())
                .into_iter()
                .flatten()
                .filter_map(Taint::parse)
                .map(Arc::new)
                .collect(),
            allocatable: Resources::parse(allocatable, &field)?,
            max_pods,
            images: images(node.status.as_ref()),
            domains: Domains::default(),
            nominated: Vec::new(),
            usage: Usage::default(),
        })
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// Sets a label, or removes it.
    pub fn set_label(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => drop(self.labels.insert(key.into(), value.into())),
            None => drop(self.labels.remove(key)),
        }
        self.zone = self.label(ZONE).map(Arc::from);
    }

    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(crate) fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    pub(crate) fn take_usage(&mut self) -> Usage {
        std::mem::take(&mut self.usage)
    }

    /// Same pods, other facts. Tells what became different.
    pub(crate) fn become_as(&mut self, mut newer: Node) -> Change {
        let mut change = Change::NONE;
        let mut note = |differs: bool, what: Change| {
            if differs {
                change = change | what;
            }
        };
        note(self.labels != newer.labels, Change::NODE_LABELS);
        note(self.unschedulable != newer.unschedulable, Change::NODE_TAINTS);
        note(self.taints != newer.taints, Change::NODE_TAINTS);
        note(self.allocatable != newer.allocatable, Change::NODE_ALLOCATABLE);
        note(self.max_pods != newer.max_pods, Change::NODE_ALLOCATABLE);
        newer.usage = self.take_usage();
        newer.domains = std::mem::take(&mut self.domains);
        newer.nominated = std::mem::take(&mut self.nominated);
        *self = newer;
        change
    }
}

fn images(status: Option<&core::NodeStatus>) -> HashMap<Arc<str>, i64> {
    let images = status.and_then(|status| status.images.as_ref()).into_iter().flatten();
    let named = images.flat_map(|image| {
        let bytes = image.size_bytes.unwrap_or_default();
        image.names.iter().flatten().map(move |name| (name.as_str().into(), bytes))
    });
    named.collect()
}

impl Usage {
    pub fn pods(&self) -> impl ExactSizeIterator<Item = &Arc<Pod>> {
        self.pods.values()
    }

    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    pub fn requested(&self) -> &Resources {
        &self.requested
    }

    /// Sum of [`Pod::weight`].
    pub fn weight(&self) -> (i64, i64) {
        self.weight
    }

    pub fn host_ports(&self) -> &[HostPort] {
        &self.host_ports
    }

    /// How many pods of a controller are here, but for those that are being deleted.
    pub fn pods_of(&self, controller: &str) -> u32 {
        self.by_controller.get(controller).copied().unwrap_or_default()
    }

    /// Of the least important pod; none when there are no pods.
    pub fn lowest_priority(&self) -> Option<i32> {
        self.priorities.first_key_value().map(|(lowest, _)| *lowest)
    }

    pub(crate) fn pod(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.pods.get(uid)
    }

    /// Every controller that has pods here, with how many.
    pub(crate) fn by_controller(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.by_controller.iter().map(|(controller, pods)| (controller, *pods))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    pub(crate) fn add(&mut self, pod: Arc<Pod>) {
        self.requested.add(&pod.requests);
        self.weight.0 = self.weight.0.saturating_add(pod.weight.0);
        self.weight.1 = self.weight.1.saturating_add(pod.weight.1);
        self.host_ports.extend_from_slice(&pod.host_ports);
        if let Some(controller) = pod.counted_controller() {
            *self.by_controller.entry(controller.clone()).or_default() += 1;
        }
        *self.priorities.entry(pod.priority).or_default() += 1;
        self.pods.insert(pod.uid.clone(), pod);
    }

    pub(crate) fn remove(&mut self, uid: &str) -> Option<Arc<Pod>> {
        let pod = self.pods.remove(uid)?;
        self.requested.subtract(&pod.requests);
        self.weight.0 = self.weight.0.saturating_sub(pod.weight.0);
        self.weight.1 = self.weight.1.saturating_sub(pod.weight.1);
        for port in &pod.host_ports {
            if let Some(at) = self.host_ports.iter().position(|held| held == port) {
                self.host_ports.swap_remove(at);
            }
        }
        if let Some(controller) = pod.counted_controller()
            && let Some(count) = self.by_controller.get_mut(controller)
        {
            *count -= 1;
            if *count == 0 {
                self.by_controller.remove(controller);
            }
        }
        if let Some(count) = self.priorities.get_mut(&pod.priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&pod.priority);
            }
        }
        Some(pod)
    }
}
