//! Exponential delays with jitter.

use std::time::Duration;

use rand::Rng;

/// How long to wait after the n-th failure in a row.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub first: Duration,
    pub longest: Duration,
}

impl Backoff {
    /// For calls to the API server that failed: 50 ms to 3 s, so that its return is noticed soon.
    pub const CALLS: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(3) };

    /// The delay without jitter; `failures` counts from 1.
    pub fn delay(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// The delay with up to a quarter taken away, so that those who failed together do not return together.
    pub fn jittered(&self, failures: u32) -> Duration {
        self.delay(failures).mul_f64(rand::rng().random_range(0.75..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(65) };
        let delays: Vec<_> = (1..=5).map(|n| backoff.delay(n).as_millis()).collect();
        assert_eq!(delays, [10, 20, 40, 65, 65]);
        assert_eq!(backoff.delay(u32::MAX), backoff.longest);
    }

    #[test]
    fn jitter_only_shortens_and_by_a_quarter_at_most() {
        let backoff = Backoff::CALLS;
        for failures in 1..20 {
            let delay = backoff.jittered(failures);
            assert!(delay <= backoff.delay(failures) && delay >= backoff.delay(failures).mul_f64(0.74));
        }
    }
}
