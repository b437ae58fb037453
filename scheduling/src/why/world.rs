//! A cluster from the objects that it consists of, as JSON.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1 as policy;
use k8s_openapi::api::scheduling::v1 as priorities;
use k8s_openapi::api::storage::v1 as storage;
use serde_json::from_slice;

use super::{PriorityClass, Subject};
use crate::budget::Budget;
use crate::cluster::Cluster;
use crate::configuration::{Malformed, PUBLISHED_KEY, Profiles};
use crate::node::Node;
use crate::pod::Pod;
use crate::stage::Stage;
use crate::volume::{Claim, Class, Volume};
use crate::volume_limits::VolumeLimits;

/// What is asked about, and everything around it.
#[derive(Default)]
pub struct World {
    pub cluster: Cluster,
    pub classes: Vec<PriorityClass>,
    /// By which rules our scheduler decides.
    pub profiles: Profiles,
}

/// What a kind of object is to scheduling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Node,
    Pod,
    Claim,
    Volume,
    StorageClass,
    PriorityClass,
    Namespace,
    CsiNode,
    DisruptionBudget,
}

/// All of them with their resources, by API group and plural. Nodes are taken in before pods, which may have been promised one.
pub const KINDS: &[(Kind, &str, &str)] = &[
    (Kind::Node, "", "nodes"),
    (Kind::Pod, "", "pods"),
    (Kind::Claim, "", "persistentvolumeclaims"),
    (Kind::Volume, "", "persistentvolumes"),
    (Kind::StorageClass, "storage.k8s.io", "storageclasses"),
    (Kind::PriorityClass, "scheduling.k8s.io", "priorityclasses"),
    (Kind::Namespace, "", "namespaces"),
    (Kind::CsiNode, "storage.k8s.io", "csinodes"),
    (Kind::DisruptionBudget, "policy", "poddisruptionbudgets"),
];

impl World {
    /// Takes in the ConfigMap in which the scheduler says its configuration. Before pods are: some are another scheduler's.
    pub fn take_configuration(&mut self, json: &[u8]) -> Result<(), Malformed> {
        let published: core::ConfigMap = from_slice(json).map_err(|error| Malformed::Syntax(error.to_string()))?;
        let text = published.data.as_ref().and_then(|data| data.get(PUBLISHED_KEY));
        let text = text.ok_or_else(|| Malformed::Required(format!("data.{PUBLISHED_KEY}")))?;
        self.profiles = Profiles::from_json(text)?;
        Ok(())
    }

    /// Takes an object in. What does not parse takes no pods and counts nowhere, as for the scheduler.
    pub fn take(&mut self, kind: Kind, json: &[u8]) {
        match kind {
            Kind::Node => {
                let node = from_slice::<core::Node>(json).ok().and_then(|node| Node::parse(&node).ok());
                if let Some(node) = node {
                    self.cluster.set_node(node);
                }
            }
            Kind::Pod => {
                let Ok(pod) = from_slice::<core::Pod>(json) else { return };
                let nominated = pod.status.as_ref().and_then(|status| status.nominated_node_name.clone());
                let Ok(parsed) = Pod::parse(&pod).map(Arc::new) else { return };
                match (Stage::of(&pod, |name| self.profiles.get(name).is_some()), nominated) {
                    (Stage::Assigned(node), _) => self.cluster.set_pod(parsed, &node),
                    (Stage::Unscheduled, Some(node)) => self.cluster.nominate(&parsed, &node.into()),
                    _ => {}
                }
            }
            Kind::Claim => {
                let claim = from_slice::<core::PersistentVolumeClaim>(json);
                claim.into_iter().for_each(|claim| self.cluster.volumes_mut().set_claim(Claim::parse(&claim)));
            }
            Kind::Volume => {
                let volume = from_slice::<core::PersistentVolume>(json);
                volume.into_iter().for_each(|volume| self.cluster.volumes_mut().set_volume(Volume::parse(&volume)));
            }
            Kind::StorageClass => {
                let class = from_slice::<storage::StorageClass>(json);
                class.into_iter().for_each(|class| self.cluster.volumes_mut().set_class(Class::parse(&class)));
            }
            Kind::Namespace => {
                let Ok(namespace) = from_slice::<core::Namespace>(json) else { return };
                let name = namespace.metadata.name.unwrap_or_default();
                self.cluster.set_namespace(name.into(), namespace.metadata.labels.unwrap_or_default());
            }
            Kind::DisruptionBudget => {
                let Ok(budget) = from_slice::<policy::PodDisruptionBudget>(json) else { return };
                self.cluster.set_budget(Budget::parse(&budget));
            }
            Kind::CsiNode => {
                let Ok(node) = from_slice::<storage::CSINode>(json) else { return };
                let name = node.metadata.name.clone().unwrap_or_default();
                self.cluster.set_volume_limits(name.into(), VolumeLimits::parse(&node));
            }
            Kind::PriorityClass => {
                let class = from_slice::<priorities::PriorityClass>(json).ok();
                // A pod of a class that does not preempt takes nobody's place.
                let class = class.filter(|class| class.preemption_policy.as_deref() != Some("Never"));
                self.classes.extend(class.map(|class| PriorityClass {
                    name: class.metadata.name.unwrap_or_default(),
                    value: class.value.unwrap_or_default(),
                }));
            }
        }
    }
}

/// The pod that is asked about. An error: why it can't be read.
pub fn subject(json: &[u8], profiles: &Profiles) -> Result<Subject, String> {
    let pod: core::Pod = from_slice(json).map_err(|error| error.to_string())?;
    Subject::of(&pod, profiles).map_err(|error| error.to_string())
}
