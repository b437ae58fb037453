//! Making room: the pods of lower priority whose end would let a pod run that fits nowhere, chosen so that as little
//! as possible is lost.

mod pool;
mod victims;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub(crate) use pool::Pool;

use crate::cluster::Cluster;
use crate::explanation::Explanation;
use crate::panel::Panel;
use crate::pod::Pod;

/// Where a pod could run if its victims were gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Preemption {
    pub node: Arc<str>,
    /// The most important first.
    pub victims: Vec<Arc<Pod>>,
    /// How many of them a disruption budget protects.
    pub violations: usize,
    /// How many nodes were thought through for it.
    pub tried: usize,
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

/// Finds room for a pod that was refused everywhere. `pool` is what was found out for such pods before, and holds still;
/// `start` says where to begin looking, so that not always the same nodes are thought through.
pub(crate) fn preempt(
    panel: &Panel<'_>,
    pod: &Pod,
    cluster: &Cluster,
    refused: &Explanation,
    pool: &mut Pool,
    start: usize,
) -> Result<Preemption, NoPreemption> {
    if !pod.preempts {
        return Err(NoPreemption::Policy);
    }
    if waits(pod, cluster, refused) {
        return Err(NoPreemption::Waiting);
    }
    pool.fill(panel, pod, cluster, &refused.refusals, start);
    pool.best().ok_or_else(|| pool.useless(cluster.nodes().len(), &refused.refusals))
}

/// Whether the pod was promised a node where others are still ending for it.
fn waits(pod: &Pod, cluster: &Cluster, refused: &Explanation) -> bool {
    let Some(at) = cluster.nomination(&pod.uid).and_then(|name| cluster.position(name)) else { return false };
    let node = &cluster.nodes()[at];
    let hopeless = refused.refusals.at(at).is_some_and(|refusal| refusal.outlasts_pods);
    !hopeless && node.usage().pods().any(|other| other.preempted && other.priority < pod.priority)
}

#[cfg(test)]
mod tests;
