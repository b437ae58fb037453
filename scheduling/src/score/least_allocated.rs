//! More of CPU and memory left free.

use super::{MOST, Ranking, Scale, Score, use_with};
use crate::cluster::Cluster;
use crate::pod::Pod;

pub struct LeastAllocated;

impl Score for LeastAllocated {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        Some(Ranking {
            rank: Box::new(|node| {
                let free = use_with(pod, node).map(|(used, have)| {
                    if have <= 0 || used > have {
                        return 0;
                    }
                    // Bytes times a hundred may not fit in 64 bits.
                    (i128::from(have - used) * i128::from(MOST) / i128::from(have)) as i64
                });
                free.iter().sum::<i64>() / free.len() as i64
            }),
            scale: Scale::Points,
        })
    }
}
