//! Why a pod fits nowhere, node by node and in one sentence.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::cluster::Change;
use crate::host_port::HostPort;
use crate::resource::{ResourceName, Shortage};
use crate::taint::Taint;

/// Why one node is refused, with what was seen there. Its words are those that Kubernetes' scheduler uses; numbers and
/// names stay out of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    Unschedulable,
    NodeName,
    /// Which taint it is stays out of the message, since keys and values may be confidential.
    UntoleratedTaint(Arc<Taint>),
    NodeAffinity,
    /// A filter left only named nodes to look at, and this is none of them.
    NotNamedBy(&'static str),
    /// The first of the pod's ports that is taken.
    HostPort(HostPort),
    TooManyPods {
        pods: i64,
        allowed: i64,
    },
    Insufficient(Shortage),
    VolumeNodeAffinity,
    NoVolumeToBind,
    /// A claim is bound to a volume that is not there.
    NoSuchVolume,
    ReadWriteOncePod,
    /// A volume is in another zone than the node.
    VolumeZone {
        volume: Arc<str>,
        key: Arc<str>,
    },
    /// The node takes no more volumes of a driver.
    TooManyVolumes {
        driver: Arc<str>,
        /// On the node already, and those that the pod would add.
        attached: i64,
        added: i64,
        allowed: i64,
    },
    /// The node has no such label, which a hard constraint spreads over.
    NoTopologyLabel {
        key: Arc<str>,
    },
    /// A hard spread constraint.
    Skew(Skew),
    /// Pods that the pod must be with are not in the node's domain, or the node is in none.
    PodAffinity {
        key: Arc<str>,
        domain: Option<Arc<str>>,
    },
    /// Pods that the pod keeps away from are in the node's domain.
    PodAntiAffinity {
        key: Arc<str>,
        domain: Arc<str>,
        pods: i64,
    },
    /// Pods in the node's domain keep the pod away.
    ExistingAntiAffinity {
        key: Arc<str>,
        domain: Arc<str>,
        pods: i64,
    },
}

/// With the pod, its domain would have `matching` + 1 (if the pod matches its own selector) pods: more than `max_skew`
/// above the domain with the fewest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Skew {
    pub key: Arc<str>,
    pub domain: Arc<str>,
    pub matching: i64,
    pub matches_itself: bool,
    pub fewest: i64,
    pub max_skew: i64,
    /// Domains that count, and how many there must be for `fewest` not to be zero.
    pub domains: i64,
    pub min_domains: i64,
}

impl Reason {
    /// Whether the node stays refused whatever pods leave it.
    pub fn outlasts_pods(&self) -> bool {
        match self {
            Reason::Insufficient(short) => short.requested > short.allocatable,
            Reason::HostPort(_)
            | Reason::ReadWriteOncePod
            | Reason::TooManyVolumes { .. }
            | Reason::Skew(_)
            | Reason::PodAntiAffinity { .. }
            | Reason::ExistingAntiAffinity { .. } => false,
            Reason::TooManyPods { allowed, .. } => *allowed <= 0,
            _ => true,
        }
    }

    /// What is said of it, without numbers.
    pub fn words(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Reason::Unschedulable => "node(s) were unschedulable",
            Reason::NodeName => "node(s) didn't match the requested node name",
            Reason::UntoleratedTaint(_) => "node(s) had untolerated taint(s)",
            Reason::NodeAffinity => "node(s) didn't match Pod's node affinity/selector",
            Reason::NotNamedBy(filter) => return format!("node(s) didn't satisfy plugin(s) [{filter}]").into(),
            Reason::HostPort(_) => "node(s) didn't have free ports for the requested pod ports",
            Reason::VolumeNodeAffinity => "node(s) didn't match PersistentVolume's node affinity",
            Reason::NoVolumeToBind => "node(s) didn't find available persistent volumes to bind",
            Reason::NoSuchVolume => "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
            Reason::ReadWriteOncePod => {
                "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
            }
            Reason::VolumeZone { .. } => "node(s) had no available volume zone",
            Reason::TooManyVolumes { .. } => "node(s) exceed max volume count",
            Reason::NoTopologyLabel { .. } => {
                "node(s) didn't match pod topology spread constraints (missing required label)"
            }
            Reason::Skew(_) => "node(s) didn't match pod topology spread constraints",
            Reason::PodAffinity { .. } => "node(s) didn't match pod affinity rules",
            Reason::PodAntiAffinity { .. } => "node(s) didn't match pod anti-affinity rules",
            Reason::ExistingAntiAffinity { .. } => "node(s) didn't satisfy existing pods anti-affinity rules",
            Reason::TooManyPods { .. } => "Too many pods",
            Reason::Insufficient(Shortage { resource, .. }) => match resource {
                ResourceName::Cpu => "Insufficient cpu",
                ResourceName::Memory => "Insufficient memory",
                ResourceName::EphemeralStorage => "Insufficient ephemeral-storage",
                ResourceName::Extended(name) => return format!("Insufficient {name}").into(),
            },
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

/// A refusal for each node, kept flat: thousands of nodes cost two growing vectors.
#[derive(Clone, Default)]
pub struct Explanation {
    /// How many nodes there are.
    nodes: usize,
    refusals: Vec<Refusal>,
    reasons: Vec<Reason>,
    /// For all nodes that have no refusal of their own.
    others: Option<Reason>,
    /// The pod can run nowhere, whatever the nodes: said once instead of by node.
    impossible: Option<Cow<'static, str>>,
    curable_by: Change,
}

#[derive(Debug, Clone)]
struct Refusal {
    node: Arc<str>,
    /// The node's position in the cluster.
    at: usize,
    reasons: Range<usize>,
}

impl Explanation {
    pub(crate) fn new(nodes: usize) -> Explanation {
        Explanation { nodes, ..Explanation::default() }
    }

    pub(crate) fn impossible(nodes: usize, why: Cow<'static, str>, curable_by: Change) -> Explanation {
        Explanation { nodes, impossible: Some(why), curable_by, ..Explanation::default() }
    }

    /// Where a filter puts its reasons before [`Explanation::close`] gives them to a node.
    pub(crate) fn open(&mut self) -> &mut Vec<Reason> {
        &mut self.reasons
    }

    /// Gives the reasons that were added since the last time to `node`; false when there are none.
    pub(crate) fn close(&mut self, at: usize, node: &Arc<str>, curable_by: Change) -> bool {
        let start = self.refusals.last().map_or(0, |last| last.reasons.end);
        let reasons = start..self.reasons.len();
        if reasons.is_empty() {
            return false;
        }
        self.refusals.push(Refusal { node: node.clone(), at, reasons });
        self.curable_by = self.curable_by | curable_by;
        true
    }

    pub(crate) fn others(&mut self, reason: Reason, curable_by: Change) {
        self.others = Some(reason);
        self.curable_by = self.curable_by | curable_by;
    }

    /// Nodes refused one by one, with their reasons.
    pub fn refusals(&self) -> impl Iterator<Item = (&str, &[Reason])> {
        self.refusals.iter().map(|r| (&*r.node, &self.reasons[r.reasons.clone()]))
    }

    /// Positions of the nodes refused one by one, and whether that would outlast all pods there.
    pub(crate) fn refusals_by_position(&self) -> impl Iterator<Item = (usize, bool)> {
        let outlasts = |r: &Refusal| self.reasons[r.reasons.clone()].iter().any(Reason::outlasts_pods);
        self.refusals.iter().map(move |r| (r.at, outlasts(r)))
    }

    /// The reasons for one node, none when the explanation is not about nodes.
    pub fn reasons_for(&self, node: &str) -> &[Reason] {
        match self.refusals.iter().find(|refusal| *refusal.node == *node) {
            Some(refusal) => &self.reasons[refusal.reasons.clone()],
            None => self.others.as_slice(),
        }
    }

    /// What would have to happen before another try can end differently.
    pub fn curable_by(&self) -> Change {
        self.curable_by
    }

    /// How many nodes each thing is said of.
    fn histogram(&self) -> BTreeMap<Cow<'static, str>, usize> {
        let mut counts = BTreeMap::new();
        for reason in &self.reasons {
            *counts.entry(reason.words()).or_default() += 1;
        }
        if let Some(reason) = &self.others {
            *counts.entry(reason.words()).or_default() += self.nodes - self.refusals.len();
        }
        counts
    }
}

/// `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).` The parts are
/// sorted as text, count first, which is Kubernetes' order.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0/{} nodes are available:", self.nodes)?;
        if let Some(why) = &self.impossible {
            return write!(f, " {why}.");
        }
        let mut parts: Vec<String> = self
            .histogram()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        parts.sort_unstable();
        write!(f, " {}.", parts.join(", "))
    }
}

/// The sentence: a list of thousands of nodes helps nobody in a log.
impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Explanation({self})")
    }
}

#[cfg(test)]
#[path = "explanation_tests.rs"]
mod tests;
