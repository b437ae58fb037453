//! Which key may run when. Pure: the clock and the state of the watches are arguments.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Debug,
    hash::Hash,
};

use tokio::time::{Duration, Instant};

use crate::{
    backoff::Backoff,
    object::{Resource, Revision},
};

/// Failures are retried from 10 ms to a minute.
pub const RETRY: Backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_secs(60) };

/// A key waits no longer than this for its own writes: a watch may be filtered, or a server restored.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more to do until something changes.
    Settled,
    /// Look again after this long even if nothing changes.
    After(Duration),
    Failed,
}

#[derive(Debug, Default)]
struct Entry {
    running: bool,
    /// When it wants to run; None while it does not.
    due: Option<Instant>,
    failures: u32,
    /// Its own writes that its watches have not shown yet, and since when it waits for them.
    unseen: Vec<(Resource, Revision)>,
    wrote_at: Option<Instant>,
    /// Not before, so that a burst of events is one run.
    pause_until: Option<Instant>,
}

/// The laws: a key runs at most once at a time, one wish per key is remembered, and a key does not run while
/// it has writes that its watches have not shown.
#[derive(Debug)]
pub struct Queue<K> {
    entries: HashMap<K, Entry>,
    /// Keys that wish to run, by time. Never holds one that is running or that waits for its writes.
    waiting: BTreeSet<(Instant, K)>,
    /// Keys that wish to run and wait for their writes.
    behind: HashSet<K>,
    pause: Duration,
}

impl<K: Clone + Ord + Hash + Debug> Queue<K> {
    /// `pause` is the shortest time between two runs of a key.
    pub fn new(pause: Duration) -> Queue<K> {
        Queue { entries: HashMap::new(), waiting: BTreeSet::new(), behind: HashSet::new(), pause }
    }

    /// Keys that wish to run and don't.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.behind.len()
    }

    /// Something about the key changed.
    pub fn want(&mut self, key: K, now: Instant) {
        self.want_at(key, now);
    }

    fn want_at(&mut self, key: K, at: Instant) {
        let entry = self.entries.entry(key.clone()).or_default();
        let at = entry.pause_until.map_or(at, |pause| at.max(pause));
        if entry.due.is_some_and(|due| due <= at) {
            return;
        }
        let earlier = entry.due.replace(at);
        if entry.running {
            return;
        }
        if !entry.unseen.is_empty() {
            self.behind.insert(key);
            return;
        }
        if let Some(earlier) = earlier {
            self.waiting.remove(&(earlier, key.clone()));
        }
        self.waiting.insert((at, key));
    }

    /// Lets those run whose watches have come up with their writes.
    pub fn caught_up(&mut self, now: Instant, reached: impl Fn(&Resource) -> Option<Revision>) {
        let entries = &mut self.entries;
        let waiting = &mut self.waiting;
        self.behind.retain(|key| {
            let Some(entry) = entries.get_mut(key) else {
                return false;
            };
            forget_seen(entry, now, &reached);
            if !entry.unseen.is_empty() {
                return true;
            }
            if let Some(due) = entry.due {
                waiting.insert((due, key.clone()));
            }
            false
        });
    }

    /// The next key to run now, if any. The caller runs it and says [`Queue::finish`].
    pub fn start(&mut self, now: Instant) -> Option<K> {
        let (due, _) = self.waiting.first()?;
        if *due > now {
            return None;
        }
        let (_, key) = self.waiting.pop_first()?;
        let entry = self.entries.entry(key.clone()).or_default();
        entry.running = true;
        entry.due = None;
        Some(key)
    }

    /// The run ended, having written this.
    pub fn finish(
        &mut self,
        key: K,
        now: Instant,
        outcome: Outcome,
        written: Vec<(Resource, Revision)>,
        reached: impl Fn(&Resource) -> Option<Revision>,
    ) {
        let pause = self.pause;
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.running = false;
        entry.pause_until = (!pause.is_zero()).then(|| now + pause);
        // A resource that is not watched here cannot be waited for.
        entry.unseen = written.into_iter().filter(|(resource, _)| reached(resource).is_some()).collect();
        entry.wrote_at = Some(now);
        forget_seen(entry, now, &reached);
        let again = match outcome {
            Outcome::Settled => None,
            Outcome::After(delay) => Some(now + delay),
            Outcome::Failed => {
                entry.failures = entry.failures.saturating_add(1);
                Some(now + RETRY.jittered(entry.failures))
            }
        };
        if outcome != Outcome::Failed {
            entry.failures = 0;
        }
        // A failed key does not run before its back-off, whatever happens to it meanwhile.
        let wish = match (outcome, entry.due.take(), again) {
            (Outcome::Failed, _, again) => again,
            (_, due, again) => due.into_iter().chain(again).min(),
        };
        if let (Outcome::Failed, Some(until)) = (outcome, again) {
            entry.pause_until = Some(until);
        }
        if let Some(at) = wish {
            self.want_at(key, at);
        }
    }

    /// Forgets keys that wish nothing and hold nothing back.
    pub fn sweep(&mut self, now: Instant) {
        self.entries.retain(|_, entry| {
            entry.running
                || entry.due.is_some()
                || entry.failures > 0
                || !entry.unseen.is_empty()
                || entry.pause_until.is_some_and(|until| until > now)
        });
    }

    /// When to look again: the first due key, or when patience with the slowest watch ends.
    pub fn wake(&self) -> Option<Instant> {
        let due = self.waiting.first().map(|(due, _)| *due);
        let patience = self.behind.iter().filter_map(|key| self.entries.get(key)?.wrote_at).min();
        due.into_iter().chain(patience.map(|since| since + PATIENCE)).min()
    }

    /// How often the key has failed in a row.
    pub fn failures(&self, key: &K) -> u32 {
        self.entries.get(key).map_or(0, |entry| entry.failures)
    }
}

fn forget_seen(entry: &mut Entry, now: Instant, reached: &impl Fn(&Resource) -> Option<Revision>) {
    entry.unseen.retain(|(resource, revision)| reached(resource).is_none_or(|reached| reached < *revision));
    if entry.wrote_at.is_some_and(|since| now >= since + PATIENCE) && !entry.unseen.is_empty() {
        tracing::warn!(unseen = ?entry.unseen, "a watch did not show our own write in time; going on without");
        entry.unseen.clear();
    }
}

#[cfg(test)]
mod tests;
