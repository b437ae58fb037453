//! Which filters and scores decide, and how much each score weighs.

use crate::filter::{FILTERS, Filter};
use crate::score::{self, Score};

/// The name of preemption among those that can be switched off.
pub const PREEMPTION: &str = "DefaultPreemption";

/// What nodes are preferred, where nothing else makes a difference. The names are Docker Swarm's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The emptiest, and other nodes and zones than the pods of the same controller: what Kubernetes does.
    #[default]
    Spread,
    /// The fullest.
    Binpack,
    /// Any.
    Random,
}

impl Strategy {
    pub const ALL: [(&'static str, Strategy); 3] =
        [("spread", Strategy::Spread), ("binpack", Strategy::Binpack), ("random", Strategy::Random)];

    pub fn parse(name: &str) -> Option<Strategy> {
        Strategy::ALL.iter().find(|(known, _)| *known == name).map(|(_, strategy)| *strategy)
    }
}

#[derive(Clone)]
pub struct Profile {
    pub(crate) filters: Vec<&'static dyn Filter>,
    pub(crate) scores: Vec<(&'static dyn Score, i64)>,
    pub(crate) preempts: bool,
}

/// Kubernetes' default profile.
impl Default for Profile {
    fn default() -> Profile {
        Profile::new(Strategy::Spread)
    }
}

impl Profile {
    pub fn new(strategy: Strategy) -> Profile {
        let scores = match strategy {
            Strategy::Spread => score::SPREAD,
            Strategy::Binpack => score::BINPACK,
            Strategy::Random => &[],
        };
        Profile { filters: FILTERS.to_vec(), scores: scores.to_vec(), preempts: true }
    }

    /// Leaves a filter, a score, or both, out. False when there is none of that name.
    pub fn disable(&mut self, name: &str) -> bool {
        let before = self.filters.len() + self.scores.len() + usize::from(self.preempts);
        self.filters.retain(|filter| filter.name() != name);
        self.scores.retain(|(score, _)| score.name() != name);
        self.preempts &= name != PREEMPTION;
        before != self.filters.len() + self.scores.len() + usize::from(self.preempts)
    }

    /// Multiplies a score's points. False when there is none of that name.
    pub fn weigh(&mut self, name: &str, weight: i64) -> bool {
        let mut found = false;
        for (score, held) in &mut self.scores {
            if score.name() == name {
                (*held, found) = (weight, true);
            }
        }
        found
    }

    /// The names of its scores.
    pub fn scores(&self) -> impl Iterator<Item = &'static str> {
        self.scores.iter().map(|(score, _)| score.name())
    }

    /// Everything that can be left out.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.filters.iter().map(|filter| filter.name()).chain(self.scores()).collect();
        names.extend(self.preempts.then_some(PREEMPTION));
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
