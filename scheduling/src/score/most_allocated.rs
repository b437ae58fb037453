//! Less of CPU and memory left free: pods are packed, so that other nodes stay empty.

use super::{MOST, Ranking, Scale, Score, use_with};
use crate::cluster::Cluster;
use crate::pod::Pod;

pub struct MostAllocated;

impl Score for MostAllocated {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        Some(Ranking {
            rank: Box::new(|node| {
                let used = use_with(pod, node).map(|(used, have)| {
                    if have <= 0 {
                        return 0;
                    }
                    (i128::from(used.min(have)) * i128::from(MOST) / i128::from(have)) as i64
                });
                used.iter().sum::<i64>() / used.len() as i64
            }),
            scale: Scale::Points,
        })
    }
}
