//! Time as far as we were there to see it. Pure.
//!
//! A node is late, and a toleration over, only by time in which the API server answered us: who could not be heard
//! because we were away, or the server was, has not been silent.

use std::time::Duration;

use tokio::time::Instant;

/// A point of that time. Two of different epochs have a gap between them, and cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    pub epoch: u64,
    /// When the epoch began.
    pub began: Duration,
    pub at: Duration,
}

impl Moment {
    /// How long ago the other one was; None when there is a gap between.
    pub fn since(&self, earlier: Moment) -> Option<Duration> {
        (self.epoch == earlier.epoch).then(|| self.at.saturating_sub(earlier.at))
    }
}

#[derive(Debug)]
pub struct Clock {
    /// A longer time without an answer is a gap.
    tolerance: Duration,
    now: Moment,
    last: Option<Instant>,
}

impl Clock {
    pub fn new(tolerance: Duration) -> Clock {
        Clock { tolerance, now: Moment::default(), last: None }
    }

    /// The server has answered.
    pub fn witness(&mut self, now: Instant) -> Moment {
        match self.last.map(|last| now.saturating_duration_since(last)) {
            None => {}
            Some(passed) if passed <= self.tolerance => self.now.at += passed,
            Some(_) => {
                self.now.epoch += 1;
                self.now.began = self.now.at;
            }
        }
        self.last = Some(now);
        self.now
    }

    /// What time it is between two answers. It stands still when the next one is overdue.
    pub fn moment(&self, now: Instant) -> Moment {
        let passed = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let passed = if passed <= self.tolerance { passed } else { Duration::ZERO };
        Moment { at: self.now.at + passed, ..self.now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_passes_while_the_server_answers() {
        let (mut clock, start) = (Clock::new(seconds(10)), Instant::now());
        let first = clock.witness(start);
        clock.witness(start + seconds(5));
        let second = clock.witness(start + seconds(15));
        assert_eq!(second.since(first), Some(seconds(15)));
        assert_eq!(clock.moment(start + seconds(18)).since(first), Some(seconds(18)));
    }

    #[test]
    fn no_time_passes_while_nobody_answers_or_we_are_away() {
        let (mut clock, start) = (Clock::new(seconds(10)), Instant::now());
        let before = clock.witness(start);
        assert_eq!(clock.moment(start + seconds(600)).since(before), Some(Duration::ZERO));
        let after = clock.witness(start + seconds(600));
        assert_eq!(after.since(before), None, "what was before a gap tells nothing");
        assert_eq!(after.at, before.at);
        assert_eq!(after.began, after.at);
        assert_eq!(clock.witness(start + seconds(605)).since(after), Some(seconds(5)));
    }
}
