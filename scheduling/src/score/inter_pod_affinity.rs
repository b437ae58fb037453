//! Preferred affinity and anti-affinity between pods, of the pod and of those that are there.

use super::{Ranking, Scale, Score};
use crate::census::{Counts, KeyId};
use crate::cluster::Cluster;
use crate::pod::Pod;
use crate::relations::Effect;

pub struct InterPodAffinity;

impl Score for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        let census = cluster.census();
        let own = pod.relations.preferred.iter().filter_map(|(weight, term)| {
            let (key, _, counts) = census.tally(&term.pods, &term.key)?;
            Some((*weight, key, counts))
        });
        let others = census.holdings(pod).filter_map(|holding| match holding.held.effect {
            Effect::Weighs(weight) => Some((weight, holding.key, &holding.counts)),
            Effect::Repels => None,
        });
        let terms: Vec<(i64, KeyId, &Counts)> = own.chain(others).filter(|(.., counts)| counts.total() > 0).collect();
        if terms.is_empty() {
            return None;
        }
        Some(Ranking {
            rank: Box::new(move |node| {
                let weighed = terms
                    .iter()
                    .filter_map(|(weight, key, counts)| node.domains.of(*key).map(|domain| weight * counts.of(domain)));
                weighed.sum()
            }),
            scale: Scale::Between,
        })
    }
}
