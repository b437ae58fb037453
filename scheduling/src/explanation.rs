//! Why a pod fits nowhere, in one sentence.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::change::Change;
use crate::host_port::HostPort;
use crate::resource::{ResourceName, Shortage};
use crate::sayings::Sayings;
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

/// What refusals of several nodes have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    words: Vec<Cow<'static, str>>,
    /// The node stays refused whatever pods leave it.
    pub outlasts_pods: bool,
    curable_by: Change,
}

/// Which nodes are refused, and how.
pub(crate) type Refusals = Sayings<Refusal>;

impl Refusals {
    pub fn refuse(&mut self, node: usize, reasons: &[Reason], curable_by: Change) {
        let outlasts_pods = reasons.iter().any(Reason::outlasts_pods);
        let is_it = |known: &Refusal| {
            known.outlasts_pods == outlasts_pods
                && known.curable_by == curable_by
                && known.words.iter().map(|words| &**words).eq(reasons.iter().map(Reason::words))
        };
        let words = || reasons.iter().map(Reason::words).collect();
        self.say(node, is_it, || Refusal { words: words(), outlasts_pods, curable_by });
    }
}

/// A refusal for each node, as counts: what is said of a pod that fits nowhere is how many nodes refuse it for what.
#[derive(Clone, Default)]
pub struct Explanation {
    /// How many nodes there are.
    nodes: usize,
    pub(crate) refusals: Arc<Refusals>,
    /// For all nodes that have no refusal of their own.
    others: Option<Reason>,
    /// The pod can run nowhere, whatever the nodes: said once instead of by node.
    impossible: Option<Cow<'static, str>>,
    /// What cures the last two.
    curable_by: Change,
    /// How many nodes were looked at for it.
    looked_at: usize,
}

impl Explanation {
    pub(crate) fn new(nodes: usize, refusals: Arc<Refusals>, looked_at: usize) -> Explanation {
        Explanation { nodes, refusals, looked_at, ..Explanation::default() }
    }

    pub(crate) fn impossible(nodes: usize, why: Cow<'static, str>, curable_by: Change) -> Explanation {
        Explanation { nodes, impossible: Some(why), curable_by, ..Explanation::default() }
    }

    pub(crate) fn others(mut self, reason: Reason, curable_by: Change) -> Explanation {
        self.others = Some(reason);
        self.curable_by = self.curable_by | curable_by;
        self
    }

    /// What is said of the node at a position, nothing when the explanation is not about nodes.
    pub fn words_at(&self, node: usize) -> Vec<Cow<'static, str>> {
        match self.refusals.at(node) {
            Some(refusal) => refusal.words.clone(),
            None => self.others.iter().map(Reason::words).collect(),
        }
    }

    /// How many nodes were looked at: what was known from pods like this one, and still holds, was not asked again.
    pub fn looked_at(&self) -> usize {
        self.looked_at
    }

    /// What would have to happen before another try can end differently.
    pub fn curable_by(&self) -> Change {
        self.refusals.each().fold(self.curable_by, |so_far, (refusal, _)| so_far | refusal.curable_by)
    }

    /// How many nodes each thing is said of.
    fn histogram(&self) -> BTreeMap<Cow<'static, str>, usize> {
        let mut counts = BTreeMap::new();
        let mut refused = 0;
        for (refusal, nodes) in self.refusals.each() {
            refused += nodes;
            for words in &refusal.words {
                *counts.entry(words.clone()).or_default() += nodes;
            }
        }
        if let Some(reason) = &self.others {
            *counts.entry(reason.words()).or_default() += self.nodes - refused;
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
