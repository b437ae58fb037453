//! Fewer taints with effect `PreferNoSchedule` that the pod does not tolerate.

use super::{Ranking, Scale, Score};
use crate::cluster::Cluster;
use crate::pod::Pod;
use crate::taint::tolerated;

pub struct TaintToleration;

impl Score for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        Some(Ranking {
            rank: Box::new(|node| {
                let soft = node.taints.iter().filter(|taint| !taint.repels());
                soft.filter(|taint| !tolerated(&pod.tolerations, taint)).count() as i64
            }),
            scale: Scale::LowestIsBest,
        })
    }
}
