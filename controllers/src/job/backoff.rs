//! How long a job waits after failures: 10 s, then twice as long each time, at most 10 minutes. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use timonier_client::Object;

use super::pod::{finished_at, has_failed, has_succeeded, is_tracked};
use crate::objects::{Job, Pod};

const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LONGEST: SignedDuration = SignedDuration::from_secs(600);
/// More failures make no wait longer.
const REMEMBERED: usize = 16;

/// The last failures of a job. What is still there is seen again after a restart; pods that were deleted are remembered.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    by_pod: BTreeMap<Arc<str>, Timestamp>,
    last_success: Option<Timestamp>,
}

impl Failures {
    /// Takes in the pods that can be seen now.
    pub fn see(&mut self, job: &Job, pods: &[Arc<Pod>], now: Timestamp) {
        for pod in pods {
            if has_succeeded(pod) {
                self.last_success = self.last_success.max(Some(finished_at(pod, now)));
            } else if has_failed(pod, job) && (pod.is_finished() || is_tracked(pod)) {
                // A pod that the job itself deletes was let go first, and is no failure.
                self.by_pod.entry(pod.meta().uid.clone()).or_insert_with(|| finished_at(pod, now));
            }
        }
        while self.by_pod.len() > REMEMBERED {
            let oldest = self.by_pod.iter().min_by_key(|(_, at)| **at).map(|(uid, _)| uid.clone());
            oldest.map(|uid| self.by_pod.remove(&uid));
        }
    }

    /// How long no pod is created; None when one may be.
    pub fn remaining(&self, now: Timestamp) -> Option<SignedDuration> {
        let since = self.by_pod.values().filter(|at| self.last_success.is_none_or(|success| success < **at));
        let last = since.clone().max()?;
        remaining(u32::try_from(since.count()).unwrap_or(u32::MAX), *last, now)
    }
}

/// After the nth failure in a row, at `last`.
pub fn remaining(failures: u32, last: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    let doublings = failures.checked_sub(1)?.min(16);
    let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let left = wait - now.duration_since(last);
    left.is_positive().then_some(left)
}
