//! Fewer pods of the same controller on the node, and in its zone where nodes have zones.

use std::collections::HashMap;

use super::{Ranking, Scale, Score};
use crate::cluster::Cluster;
use crate::pod::Pod;

pub struct Spreading;

impl Score for Spreading {
    fn weight(&self) -> i64 {
        2
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Option<Ranking<'a>> {
        let controller = pod.controller.as_deref()?;
        let mut in_zone: HashMap<&str, i64> = HashMap::new();
        for node in cluster.nodes() {
            if let Some(zone) = node.zone.as_deref() {
                *in_zone.entry(zone).or_default() += i64::from(node.usage().pods_of(controller));
            }
        }
        Some(Ranking {
            // A zone weighs twice: losing one costs more than losing a node.
            rank: Box::new(move |node| {
                let zone = node.zone.as_deref().and_then(|zone| in_zone.get(zone));
                i64::from(node.usage().pods_of(controller)) + 2 * zone.copied().unwrap_or_default()
            }),
            scale: Scale::LowestIsBest,
        })
    }
}
