//! When revisions happened: enough to answer for any time within the history.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Revision;

/// When there are more samples than this, every second one is dropped, and from then on as many fewer are kept.
const MOST: usize = 1 << 16;

/// By `time` the store had reached `revision`, and nothing later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub revision: Revision,
    pub time: SystemTime,
}

/// Samples of (Unix time in milliseconds, revision), both growing.
#[derive(Debug)]
pub(crate) struct Timeline {
    samples: VecDeque<(u64, Revision)>,
    /// Times closer to each other than this (milliseconds) are not told apart.
    resolution: u64,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline { samples: VecDeque::new(), resolution: 1 }
    }
}

impl Timeline {
    /// By `time` (Unix milliseconds) the store has reached `revision`. A clock that was set back does not take revisions
    /// back with it.
    pub(crate) fn note(&mut self, time: u64, revision: Revision) {
        let last = self.samples.back().copied();
        if last.is_some_and(|(_, known)| known >= revision) {
            return;
        }
        let time = time.max(last.map_or(0, |(time, _)| time));
        let before = self.samples.len().checked_sub(2).and_then(|at| self.samples.get(at));
        let is_close = before.is_some_and(|(before, _)| time < before + self.resolution);
        if is_close {
            self.samples.pop_back();
        }
        self.samples.push_back((time, revision));
        if self.samples.len() > MOST {
            self.resolution *= 2;
            let mut position = 0;
            self.samples.retain(|_| {
                position += 1;
                position % 2 == 1
            });
        }
    }

    /// Forgets what is before `oldest`.
    pub(crate) fn forget(&mut self, oldest: Revision) {
        while self.samples.front().is_some_and(|(_, revision)| *revision < oldest) {
            self.samples.pop_front();
        }
    }

    /// The newest revision that had been reached by `time`; `None` when that is before all that is known.
    pub(crate) fn at(&self, time: SystemTime) -> Option<Moment> {
        let time = to_millis(time);
        let next = self.samples.partition_point(|(at, _)| *at <= time);
        self.samples.get(next.checked_sub(1)?).map(moment)
    }

    /// The first moment that is known at which the store had reached `revision`.
    pub(crate) fn of(&self, revision: Revision) -> Option<Moment> {
        let first = self.samples.partition_point(|(_, known)| *known < revision);
        self.samples.get(first).map(moment)
    }

    /// The oldest moment that is known.
    pub(crate) fn first(&self) -> Option<Moment> {
        self.samples.front().map(moment)
    }
}

fn moment((time, revision): &(u64, Revision)) -> Moment {
    Moment { revision: *revision, time: UNIX_EPOCH + Duration::from_millis(*time) }
}

fn to_millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Unix time in milliseconds.
pub(crate) fn now() -> u64 {
    to_millis(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timeline: &Timeline, millis: u64) -> Option<u64> {
        timeline.at(UNIX_EPOCH + Duration::from_millis(millis)).map(|moment| moment.revision.0)
    }

    #[test]
    fn a_time_means_the_last_revision_before_it() {
        let mut timeline = Timeline::default();
        for (time, revision) in [(1000, 5), (3000, 9), (9000, 12)] {
            timeline.note(time, Revision(revision));
        }
        let cases =
            [(999, None), (1000, Some(5)), (2999, Some(5)), (3000, Some(9)), (8999, Some(9)), (99_000, Some(12))];
        for (time, revision) in cases {
            assert_eq!(at(&timeline, time), revision, "{time}");
        }
        assert_eq!(timeline.of(Revision(6)).map(|moment| moment.revision), Some(Revision(9)));
        assert_eq!(timeline.of(Revision(13)), None);
        timeline.forget(Revision(6));
        assert_eq!((at(&timeline, 2999), at(&timeline, 3000)), (None, Some(9)));
        assert_eq!(timeline.first().map(|moment| moment.revision), Some(Revision(9)));
    }

    #[test]
    fn no_sample_claims_a_revision_before_its_time() {
        let mut timeline = Timeline { resolution: 100, ..Timeline::default() };
        for step in 0..1000u64 {
            timeline.note(step * 7, Revision(step + 1));
        }
        assert!(timeline.samples.len() < 1000 * 7 / 50);
        for time in 0..7000 {
            let revision = at(&timeline, time).unwrap();
            let exact = time / 7 + 1;
            assert!(revision <= exact && exact - revision <= 2 * 100 / 7 + 1, "{time}: {revision}, {exact}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_the_order() {
        let mut timeline = Timeline::default();
        timeline.note(5000, Revision(1));
        timeline.note(1000, Revision(2));
        timeline.note(6000, Revision(3));
        assert_eq!((at(&timeline, 4999), at(&timeline, 5000), at(&timeline, 6000)), (None, Some(2), Some(3)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut timeline = Timeline::default();
        for step in 0..200_000u64 {
            timeline.note(step * 200, Revision(step + 1));
        }
        assert!(timeline.samples.len() <= MOST && timeline.samples.len() > MOST / 3);
        assert_eq!(at(&timeline, u64::MAX), Some(200_000));
        assert_eq!(timeline.first().map(|moment| moment.revision), Some(Revision(1)));
    }
}
