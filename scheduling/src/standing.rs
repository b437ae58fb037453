//! What was found out about a pod that fits nowhere, for the next one that asks the same: it still holds for every node
//! that has not become different since. So a crowd of like pods that wait costs a look at all nodes once, and then at
//! a few each.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::explanation::{Explanation, Refusals};
use crate::journal::Place;
use crate::pod::Pod;
use crate::preemption::Pool;

/// Kinds of pods that are remembered; of more, those that were asked for last.
const KEPT: usize = 8;

/// The one that was asked for last stands first.
#[derive(Clone, Default)]
pub(crate) struct Standing(Vec<Known>);

#[derive(Clone)]
pub(crate) struct Known {
    like: Pod,
    seen: Place,
    pub refusals: Arc<Refusals>,
    /// Nodes of which nothing is known.
    open: Vec<usize>,
    pub pool: Pool,
}

impl Standing {
    /// What is known for such pods, and the nodes that must be looked at again, in order. None when that is as good as all.
    pub fn take(&mut self, pod: &Pod, cluster: &Cluster) -> Option<(Known, Vec<usize>)> {
        let at = self.0.iter().position(|known| known.like.asks_the_same(pod))?;
        let known = self.0.remove(at);
        let mut due: Vec<usize> = cluster.journal().since(&known.seen)?.collect();
        due.extend(&known.open);
        due.sort_unstable();
        due.dedup();
        (due.len() <= cluster.nodes().len() / 2).then_some((known, due))
    }

    /// Remembers what is known now. `open` are the nodes of which nothing is known, such as those that refuse nothing.
    pub fn keep(&mut self, mut known: Known, open: Vec<usize>, cluster: &Cluster) {
        known.seen = cluster.journal().place();
        known.open = open;
        self.0.insert(0, known);
        self.0.truncate(KEPT);
    }

    /// What an explanation that was just given is known from.
    pub fn of(&mut self, pod: &Pod, cluster: &Cluster, explanation: &Explanation) -> Option<&mut Known> {
        let known = self.0.first_mut()?;
        let unchanged = cluster.journal().since(&known.seen).is_some_and(|mut since| since.next().is_none());
        let same = Arc::ptr_eq(&known.refusals, &explanation.refusals) && known.like.asks_the_same(pod);
        (unchanged && same).then_some(known)
    }
}

impl Known {
    pub fn new(pod: &Pod, cluster: &Cluster, refusals: Arc<Refusals>) -> Known {
        Known { like: pod.clone(), seen: cluster.journal().place(), refusals, open: Vec::new(), pool: Pool::default() }
    }
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
