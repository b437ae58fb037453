//! Making room: the pods of lower priority whose end would let a pod run that fits nowhere, chosen so that as little
//! as possible is lost.

mod budget;
mod victims;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use budget::{Budget, Budgets};

use crate::cluster::Cluster;
use crate::explanation::Explanation;
use crate::panel::Panel;
use crate::pod::Pod;
use victims::{Attempt, victims};

/// So many nodes where it would help are enough to choose among. (Kubernetes takes a tenth of all nodes where that is more;
/// what a choice among five hundred saves in victims is not worth five times the thinking.)
const CANDIDATES: usize = 100;

/// Where a pod could run if its victims were gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Preemption {
    pub node: Arc<str>,
    /// The most important first.
    pub victims: Vec<Arc<Pod>>,
    /// How many of them a disruption budget protects.
    pub violations: usize,
}

/// Why nobody has to make room; as text, what Kubernetes says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPreemption {
    /// `preemptionPolicy: Never`.
    Policy,
    /// Others are on their way out for it already.
    Waiting,
    /// It would not help.
    Useless {
        nodes: usize,
        /// What is said of how many nodes.
        reasons: BTreeMap<String, usize>,
    },
}

impl fmt::Display for NoPreemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPreemption::Policy => f.write_str("not eligible due to preemptionPolicy=Never."),
            NoPreemption::Waiting => f.write_str("not eligible due to a terminating pod on the nominated node."),
            NoPreemption::Useless { nodes, reasons } => {
                write!(f, "0/{nodes} nodes are available: ")?;
                let mut parts: Vec<_> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
                parts.sort_unstable();
                write!(f, "{}.", parts.join(", "))
            }
        }
    }
}

/// Finds room for a pod that was refused everywhere. `start` says where to begin looking, so that not always the same
/// nodes are thought through.
pub(crate) fn preempt(
    panel: &Panel<'_>,
    pod: &Pod,
    cluster: &Cluster,
    refused: &Explanation,
    start: usize,
) -> Result<Preemption, NoPreemption> {
    if !pod.preempts {
        return Err(NoPreemption::Policy);
    }
    if waits(pod, cluster, refused) {
        return Err(NoPreemption::Waiting);
    }
    let hopeful: Vec<usize> =
        refused.refusals_by_position().filter_map(|(at, final_)| (!final_).then_some(at)).collect();
    let nodes = cluster.nodes().len();
    let mut reasons = BTreeMap::new();
    if hopeful.len() < nodes {
        reasons.insert("Preemption is not helpful for scheduling".to_owned(), nodes - hopeful.len());
    }
    let mut candidates = Vec::new();
    for nth in 0..hopeful.len() {
        let node = &cluster.nodes()[hopeful[(start + nth) % hopeful.len()]];
        match victims(panel, pod, node, cluster.budgets()) {
            Attempt::Room(candidate) => {
                candidates.push(candidate);
                if candidates.len() >= CANDIDATES {
                    break;
                }
            }
            Attempt::NoVictims => {
                *reasons.entry("No preemption victims found for incoming pod".to_owned()).or_default() += 1;
            }
            Attempt::StillRefused(why) => {
                for reason in why {
                    *reasons.entry(reason.words().into_owned()).or_default() += 1;
                }
            }
        }
    }
    candidates.into_iter().min_by_key(loss).ok_or(NoPreemption::Useless { nodes, reasons })
}

/// Whether the pod was promised a node where others are still ending for it.
fn waits(pod: &Pod, cluster: &Cluster, refused: &Explanation) -> bool {
    let Some(node) = cluster.nomination(&pod.uid).and_then(|name| cluster.node(name)) else { return false };
    let hopeless = refused.reasons_for(&node.name).iter().any(|reason| reason.outlasts_pods());
    !hopeless && node.usage().pods().any(|other| other.preempted && other.priority < pod.priority)
}

/// What a preemption costs, the most grievous first: budgets violated, how important the most important victim is, how
/// important all are together, how many, and how long the most important ones have been running.
fn loss(candidate: &Preemption) -> (usize, i32, i64, usize, Reverse<i64>) {
    let victims = &candidate.victims;
    let highest = victims.iter().map(|pod| pod.priority).max().unwrap_or(i32::MIN);
    // Raised, so that more victims weigh more even where priorities are negative.
    let sum = victims.iter().map(|pod| i64::from(pod.priority) - i64::from(i32::MIN)).sum();
    let important = victims.iter().filter(|pod| pod.priority == highest);
    let earliest = important.map(|pod| pod.started()).min().unwrap_or(i64::MAX);
    (candidate.violations, highest, sum, victims.len(), Reverse(earliest))
}

#[cfg(test)]
mod tests;
