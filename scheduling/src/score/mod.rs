//! Scores: which of the nodes that would do is best. One a file.

mod balanced_allocation;
mod image_locality;
mod inter_pod_affinity;
mod least_allocated;
mod most_allocated;
mod node_affinity;
mod pod_topology_spread;
mod taint_toleration;

use rand::Rng;

use crate::cluster::Cluster;
use crate::node::Node;
use crate::pod::Pod;

/// The most that a score gives a node, before its weight.
pub const MOST: i64 = 100;

/// With their weights: all but the last three are the same for every strategy, and Kubernetes'.
pub const SPREAD: &[(&dyn Score, i64)] = &[
    (&taint_toleration::TaintToleration, 3),
    (&node_affinity::NodeAffinity, 2),
    (&inter_pod_affinity::InterPodAffinity, 2),
    (&image_locality::ImageLocality, 1),
    (&pod_topology_spread::PodTopologySpread { by_controller: true }, 2),
    (&least_allocated::LeastAllocated, 1),
    (&balanced_allocation::BalancedAllocation, 1),
];

/// Pods of a controller stay together unless they say otherwise.
pub const BINPACK: &[(&dyn Score, i64)] = &[
    (&taint_toleration::TaintToleration, 3),
    (&node_affinity::NodeAffinity, 2),
    (&inter_pod_affinity::InterPodAffinity, 2),
    (&image_locality::ImageLocality, 1),
    (&pod_topology_spread::PodTopologySpread { by_controller: false }, 2),
    (&most_allocated::MostAllocated, 1),
];

pub trait Score: Sync {
    /// Kubernetes' name for it.
    fn name(&self) -> &'static str;

    /// Looks at the pod once before all nodes that would do, given by position; `None` when it makes no difference
    /// between them.
    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster, feasible: &[usize]) -> Option<Ranking<'a>>;
}

/// What a node is worth, on some scale.
pub type Rank<'a> = Box<dyn Fn(&Node) -> i64 + 'a>;

/// A score that knows its pod.
pub struct Ranking<'a> {
    pub rank: Rank<'a>,
    pub scale: Scale,
}

/// How what `rank` returns becomes points from 0 to [`MOST`].
#[derive(Debug, Clone, Copy)]
pub enum Scale {
    /// It is points already.
    Points,
    /// The highest of all gets the most, the others their share of it.
    HighestIsBest,
    /// Zero gets the most, the highest of all nothing.
    LowestIsBest,
    /// The lowest of all gets nothing, the highest the most.
    Between,
    /// The lowest of all gets the most, the others less by their distance from it; [`pod_topology_spread::IGNORED`]
    /// gets nothing.
    FewestIsBest,
}

impl Scale {
    pub fn apply(self, raw: &mut [i64]) {
        let highest = raw.iter().copied().max().unwrap_or_default();
        let share = |value: i64| if highest == 0 { 0 } else { MOST * value / highest };
        match self {
            Scale::Points => {}
            Scale::HighestIsBest => raw.iter_mut().for_each(|value| *value = share(*value)),
            Scale::LowestIsBest => raw.iter_mut().for_each(|value| *value = MOST - share(*value)),
            Scale::Between => {
                let lowest = raw.iter().copied().min().unwrap_or_default();
                let range = highest.saturating_sub(lowest).max(1);
                raw.iter_mut().for_each(|value| {
                    *value = (i128::from(MOST) * i128::from(*value - lowest) / i128::from(range)) as i64
                });
            }
            Scale::FewestIsBest => {
                let ignored = pod_topology_spread::IGNORED;
                let lowest = raw.iter().copied().filter(|value| *value != ignored).min().unwrap_or_default();
                raw.iter_mut().for_each(|value| {
                    *value = match *value {
                        value if value == ignored => 0,
                        _ if highest == 0 => MOST,
                        value => MOST * (highest + lowest - value) / highest,
                    }
                });
            }
        }
    }
}

/// Of CPU and memory: what would be used with the pod on the node, and what there is.
fn use_with(pod: &Pod, node: &Node) -> [(i64, i64); 2] {
    let (cpu, memory) = node.usage().weight();
    [
        (cpu.saturating_add(pod.weight.0), node.allocatable.milli_cpu),
        (memory.saturating_add(pod.weight.1), node.allocatable.memory),
    ]
}

/// The points of nodes, 0 to [`MOST`] each; `None` when the score makes no difference between them.
pub fn points(score: &dyn Score, pod: &Pod, cluster: &Cluster, feasible: &[usize]) -> Option<Vec<i64>> {
    let ranking = score.prepare(pod, cluster, feasible)?;
    let mut points: Vec<i64> = feasible.iter().map(|&at| (ranking.rank)(&cluster.nodes()[at])).collect();
    ranking.scale.apply(&mut points);
    Some(points)
}

/// The one with most points among several nodes, given and returned as positions in the cluster; of equals, the dice
/// choose.
pub fn best(
    scores: &[(&dyn Score, i64)],
    pod: &Pod,
    cluster: &Cluster,
    feasible: &[usize],
    dice: &mut impl Rng,
) -> usize {
    let mut totals = vec![0i64; feasible.len()];
    for (score, weight) in scores {
        let Some(points) = points(*score, pod, cluster, feasible) else { continue };
        for (total, points) in totals.iter_mut().zip(&points) {
            *total += weight * points;
        }
    }
    let mut best = 0;
    let mut ties = 1;
    for at in 1..totals.len() {
        if totals[at] > totals[best] {
            (best, ties) = (at, 1);
        } else if totals[at] == totals[best] {
            ties += 1;
            if dice.random_range(0..ties) == 0 {
                best = at;
            }
        }
    }
    feasible[best]
}

#[cfg(test)]
mod tests;
