//! Fewer pods of the same controller on the node, and in its zone where nodes have zones.

use std::sync::Arc;

use super::{Ranking, Scale, Score};
use crate::cluster::Cluster;
use crate::pod::Pod;

pub struct Spreading;

impl Score for Spreading {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        let controller = pod.controller.as_deref()?;
        let zones = cluster.zones().of(controller);
        Some(Ranking {
            // A zone weighs twice: losing one costs more than losing a node.
            rank: Box::new(move |node| {
                let here = |zone: &Arc<str>| zones.iter().find(|(other, _)| other == zone);
                let in_zone = node.zone.as_ref().and_then(here).map_or(0, |(_, pods)| *pods);
                i64::from(node.usage().pods_of(controller)) + 2 * i64::from(in_zone)
            }),
            scale: Scale::LowestIsBest,
        })
    }
}
