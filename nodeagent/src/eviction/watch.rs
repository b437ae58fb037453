//! From what was seen to what must be done, as the kubelet decides it. Pure but for the memory of earlier looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    signal::{Observations, Pressure, Signal},
    thresholds::Threshold,
};

pub struct Watch {
    thresholds: Vec<Threshold>,
    /// How long a pressure is said to be there after it was last seen.
    transition: Duration,
    /// By place in `thresholds`: since when each is met.
    first_met: BTreeMap<usize, Instant>,
    /// Those whose grace was over at the last look.
    acted_on: BTreeSet<usize>,
    last_seen: BTreeMap<Pressure, Instant>,
}

/// The outcome of one look.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    pub pressures: BTreeSet<Pressure>,
    /// What must be reclaimed now, the worst first.
    pub reclaim: Option<Threshold>,
}

impl Watch {
    pub fn new(thresholds: Vec<Threshold>, transition: Duration) -> Self {
        Watch {
            thresholds,
            transition,
            first_met: BTreeMap::new(),
            acted_on: BTreeSet::new(),
            last_seen: BTreeMap::new(),
        }
    }

    pub fn look(&mut self, observations: &Observations, now: Instant) -> Verdict {
        let met: BTreeSet<usize> = (0..self.thresholds.len())
            .filter(|at| self.thresholds[*at].is_met(observations, self.acted_on.contains(at)))
            .collect();
        self.first_met.retain(|at, _| met.contains(at));
        for at in &met {
            self.first_met.entry(*at).or_insert(now);
            self.last_seen.insert(self.thresholds[*at].signal.pressure(), now);
        }
        let transition = self.transition;
        self.last_seen.retain(|_, seen| now.duration_since(*seen) < transition || *seen == now);
        let over =
            self.first_met.iter().filter(|(at, first)| now.duration_since(**first) >= self.thresholds[**at].grace);
        self.acted_on = over.map(|(at, _)| *at).collect();
        let due = self.acted_on.iter().map(|at| &self.thresholds[*at]);
        Verdict {
            pressures: self.last_seen.keys().copied().collect(),
            reclaim: due.min_by_key(|threshold| (threshold.signal, threshold.grace)).cloned(),
        }
    }

    /// Whether a signal is below one of its thresholds, so that reclaiming more is still of use.
    pub fn is_low(&self, signal: Signal, observations: &Observations) -> bool {
        let own = self.thresholds.iter().filter(|threshold| threshold.signal == signal);
        own.into_iter().any(|threshold| threshold.is_met(observations, true))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{signal::Observation, thresholds},
        *,
    };

    fn watch(hard: &str, soft: &str, soft_grace: &str, minimum_reclaim: &str) -> Watch {
        let texts = thresholds::Texts { hard, soft, soft_grace, minimum_reclaim };
        Watch::new(thresholds::parse(&texts).expect("thresholds"), Duration::from_secs(300))
    }

    fn memory(available: i64) -> Observations {
        Observations::from([(Signal::MemoryAvailable, Observation { available, capacity: 1000 })])
    }

    #[test]
    fn a_pressure_stays_a_while_and_nobody_goes_for_it() {
        let mut watch = watch("memory.available<100", "", "", "");
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watch.look(&memory(500), start).pressures, BTreeSet::new());
        let low = watch.look(&memory(50), after(10));
        assert_eq!(low.pressures, BTreeSet::from([Pressure::Memory]));
        assert_eq!(low.reclaim.map(|threshold| threshold.signal), Some(Signal::MemoryAvailable));
        let better = watch.look(&memory(500), after(20));
        assert_eq!((better.pressures.len(), better.reclaim), (1, None));
        assert_eq!(watch.look(&memory(500), after(309)).pressures.len(), 1);
        assert_eq!(watch.look(&memory(500), after(310)).pressures.len(), 0);
    }

    #[test]
    fn a_soft_threshold_waits_for_its_grace_and_starts_anew_when_interrupted() {
        let mut watch = watch("", "memory.available<100", "memory.available=30s", "");
        let start = Instant::now();
        let mut reclaims =
            |available, seconds| watch.look(&memory(available), start + Duration::from_secs(seconds)).reclaim.is_some();
        let looks = [(50, 0), (50, 20), (500, 25), (50, 30), (50, 59), (50, 60)];
        assert_eq!(looks.map(|(available, at)| reclaims(available, at)), [false, false, false, false, false, true]);
    }

    #[test]
    fn reclaiming_goes_on_until_the_minimum_more_is_there() {
        let mut watch = watch("memory.available<100", "", "", "memory.available=100");
        let start = Instant::now();
        let mut reclaims = |available| watch.look(&memory(available), start).reclaim.is_some();
        assert_eq!([150, 50, 150, 200, 150].map(&mut reclaims), [false, true, true, false, false]);
    }

    #[test]
    fn memory_is_seen_to_before_disk() {
        let mut watch = watch("nodefs.available<50%,memory.available<50%", "", "", "");
        let mut seen = memory(1);
        seen.insert(Signal::NodeFsAvailable, Observation { available: 1, capacity: 1000 });
        let verdict = watch.look(&seen, Instant::now());
        assert_eq!(verdict.reclaim.map(|threshold| threshold.signal), Some(Signal::MemoryAvailable));
        assert_eq!(verdict.pressures.len(), 2);
    }
}
