//! CPU and memory used in like proportion, so that neither is left over alone.

use super::{MOST, Ranking, Scale, Score, use_with};
use crate::cluster::Cluster;
use crate::pod::Pod;

pub struct BalancedAllocation;

impl Score for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        Some(Ranking {
            rank: Box::new(|node| {
                let [cpu, memory] = use_with(pod, node)
                    .map(|(used, have)| if have <= 0 { 1.0 } else { (used as f64 / have as f64).min(1.0) });
                // Of two values the standard deviation is half of their distance.
                ((1.0 - (cpu - memory).abs() / 2.0) * MOST as f64) as i64
            }),
            scale: Scale::Points,
        })
    }
}
