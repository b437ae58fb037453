//! The weights of the preferred node affinity terms that match.

use super::{Ranking, Scale, Score};
use crate::cluster::Cluster;
use crate::pod::Pod;

pub struct NodeAffinity;

impl Score for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn prepare<'a>(&self, pod: &'a Pod, _: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        if pod.node_preferences.is_empty() {
            return None;
        }
        Some(Ranking {
            rank: Box::new(|node| {
                let matching = pod.node_preferences.iter().filter(|(_, term)| term.matches(node));
                matching.map(|(weight, _)| weight).sum()
            }),
            scale: Scale::HighestIsBest,
        })
    }
}
