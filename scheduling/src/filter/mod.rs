//! Filters: rules that a node must pass before a pod may run on it. One a file.

mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources;
mod node_unschedulable;
mod node_volume_limits;
mod pod_topology_spread;
mod taint_toleration;
pub mod volume_binding;
mod volume_restrictions;
mod volume_zone;

pub(crate) use pod_topology_spread::Matching;

use std::borrow::Cow;

use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;
use crate::site::Site;

/// In the order in which they are asked; the first that refuses a node gives its reasons.
pub const FILTERS: &[&dyn Filter] = &[
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources::NodeResources,
    &volume_restrictions::VolumeRestrictions,
    &node_volume_limits::NodeVolumeLimits,
    &volume_binding::VolumeBinding,
    &volume_zone::VolumeZone,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
];

/// One rule.
pub trait Filter: Sync {
    /// Kubernetes' name for it, which stands in some messages.
    fn name(&self) -> &'static str;

    /// What could turn its refusal into consent.
    fn curable_by(&self) -> Change;

    /// Whether it reads nothing but the pod and the one node that it is asked about: what it said of a node holds until
    /// that node becomes different, and for all pods that ask the same.
    fn is_local(&self) -> bool {
        false
    }

    /// Looks at the pod (and, for rules between pods, at the cluster) once before all nodes.
    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a>;
}

/// What a rule has to say about a pod before it sees a node.
pub enum Verdict<'a> {
    /// Nothing, on any node.
    Indifferent,
    /// Ask for each node.
    Ask(Box<dyn Judge + 'a>),
    /// Only the nodes with these names can do; ask for each of them.
    AskOnly(Vec<&'a str>, Box<dyn Judge + 'a>),
    /// No node can do, before such a change.
    Never(Cow<'static, str>, Change),
}

impl<'a> Verdict<'a> {
    fn ask(judge: impl Fn(&Site<'_>, &mut Vec<Reason>) + 'a) -> Verdict<'a> {
        Verdict::Ask(Box::new(judge))
    }
}

/// A rule that knows its pod. Refusing a node is adding reasons to `why`.
pub trait Judge {
    fn refuse(&self, site: &Site<'_>, why: &mut Vec<Reason>);

    /// The positions of nodes outside of which it refuses all, as they are: when it knows that without asking each.
    fn among(&self) -> Option<Vec<usize>> {
        None
    }
}

impl<F: Fn(&Site<'_>, &mut Vec<Reason>)> Judge for F {
    fn refuse(&self, site: &Site<'_>, why: &mut Vec<Reason>) {
        self(site, why)
    }
}

#[cfg(test)]
mod relation_tests;
#[cfg(test)]
mod tests;
