//! Nodes where a preemption would help, to choose among. Each node is thought through once; what was found out holds for
//! the next pod that asks the same, until the node becomes different.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::victims::{Attempt, victims};
use super::{NoPreemption, Preemption};
use crate::cluster::Cluster;
use crate::explanation::{Reason, Refusals};
use crate::panel::Panel;
use crate::pod::Pod;
use crate::sayings::Sayings;

/// So many nodes where it would help are enough to choose among. (Kubernetes takes a tenth of all nodes where that is more;
/// what a choice among five hundred saves in victims is not worth five times the thinking.)
const CANDIDATES: usize = 100;

const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";

#[derive(Clone, Default)]
pub(crate) struct Pool {
    room: Vec<Candidate>,
    /// Why no departure helps on other nodes.
    in_vain: Sayings<Vec<Cow<'static, str>>>,
    /// Nodes that were not thought through yet; the last is next. None: nothing is known.
    waiting: Option<Vec<usize>>,
    /// The state of the disruption budgets that all this holds for.
    budgets: u64,
    /// Nodes that were thought through for the pod that asked last.
    tried: usize,
}

#[derive(Clone)]
struct Candidate {
    at: usize,
    loss: Loss,
    preemption: Preemption,
}

/// What a preemption costs, the most grievous first: budgets violated, how important the most important victim is, how
/// important all are together, how many, and how long the most important ones have been running.
type Loss = (usize, i32, i64, usize, Reverse<i64>);

impl Pool {
    /// A node became different.
    pub fn forget(&mut self, at: usize) {
        if let Some(waiting) = &mut self.waiting {
            self.room.retain(|candidate| candidate.at != at);
            self.in_vain.silence(at);
            waiting.push(at);
        }
    }

    /// Thinks nodes through until there are enough to choose among.
    pub fn fill(&mut self, panel: &Panel<'_>, pod: &Pod, cluster: &Cluster, refusals: &Refusals, start: usize) {
        self.tried = 0;
        let budgets = cluster.budgets();
        if self.budgets != budgets.changes() {
            *self = Pool { budgets: budgets.changes(), ..Pool::default() };
        }
        let waiting = self.waiting.get_or_insert_with(|| {
            let mut hopeful: Vec<usize> = refusals.positions(|refusal| !refusal.outlasts_pods).collect();
            let turn = start % hopeful.len().max(1);
            hopeful.rotate_left(turn);
            hopeful.reverse();
            hopeful
        });
        while self.room.len() < CANDIDATES
            && let Some(at) = waiting.pop()
        {
            let hopeful = refusals.at(at).is_some_and(|refusal| !refusal.outlasts_pods);
            // One that became different twice waits twice.
            if !hopeful || self.in_vain.at(at).is_some() || self.room.iter().any(|known| known.at == at) {
                continue;
            }
            self.tried += 1;
            match victims(panel, pod, &cluster.nodes()[at], budgets) {
                Attempt::Room(preemption) => self.room.push(Candidate { at, loss: loss(&preemption), preemption }),
                Attempt::NoVictims => self.in_vain.say(at, |known| *known == [NO_VICTIMS], || vec![NO_VICTIMS.into()]),
                Attempt::StillRefused(why) => {
                    let words: Vec<_> = why.iter().map(Reason::words).collect();
                    self.in_vain.say(at, |known| *known == words, || words.clone());
                }
            }
        }
    }

    /// The one that costs least; of equals, the one that was found first.
    pub fn best(&self) -> Option<Preemption> {
        let best = self.room.iter().min_by_key(|candidate| candidate.loss)?;
        Some(Preemption { tried: self.tried, ..best.preemption.clone() })
    }

    /// What is said when there is none.
    pub fn useless(&self, nodes: usize, refusals: &Refusals) -> NoPreemption {
        let hopeful = refusals.each().filter(|(refusal, _)| !refusal.outlasts_pods);
        let hopeless = nodes - hopeful.map(|(_, nodes)| nodes).sum::<usize>();
        let mut reasons = BTreeMap::new();
        if hopeless > 0 {
            reasons.insert(NOT_HELPFUL.to_owned(), hopeless);
        }
        for (words, nodes) in self.in_vain.each() {
            for words in words {
                *reasons.entry(words.clone().into_owned()).or_default() += nodes;
            }
        }
        NoPreemption::Useless { nodes, reasons }
    }
}

fn loss(preemption: &Preemption) -> Loss {
    let victims = &preemption.victims;
    let highest = victims.iter().map(|pod| pod.priority).max().unwrap_or(i32::MIN);
    // Raised, so that more victims weigh more even where priorities are negative.
    let sum = victims.iter().map(|pod| i64::from(pod.priority) - i64::from(i32::MIN)).sum();
    let important = victims.iter().filter(|pod| pod.priority == highest);
    let earliest = important.map(|pod| pod.started()).min().unwrap_or(i64::MAX);
    (preemption.violations, highest, sum, victims.len(), Reverse(earliest))
}
