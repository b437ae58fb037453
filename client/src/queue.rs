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
mod tests {
    use super::*;

    const PODS: Resource = Resource::of("", "v1", "pods");
    const SETS: Resource = Resource::of("apps", "v1", "replicasets");

    /// A queue with a clock and two watches that stand where the test says.
    struct Case {
        queue: Queue<&'static str>,
        now: Instant,
        pods: u64,
        sets: u64,
    }

    impl Case {
        fn new() -> Case {
            Case { queue: Queue::new(Duration::ZERO), now: Instant::now(), pods: 0, sets: 0 }
        }

        fn reached(&self) -> impl Fn(&Resource) -> Option<Revision> + use<> {
            let (pods, sets) = (self.pods, self.sets);
            move |resource| match () {
                () if *resource == PODS => Some(Revision(pods)),
                () if *resource == SETS => Some(Revision(sets)),
                () => None,
            }
        }

        fn want(&mut self, key: &'static str) {
            self.queue.want(key, self.now);
        }

        fn start(&mut self) -> Option<&'static str> {
            self.queue.start(self.now)
        }

        fn finish(&mut self, key: &'static str, outcome: Outcome, written: &[(Resource, u64)]) {
            let written = written.iter().map(|(resource, revision)| (resource.clone(), Revision(*revision))).collect();
            let reached = self.reached();
            self.queue.finish(key, self.now, outcome, written, reached);
        }

        fn catch_up(&mut self) {
            let reached = self.reached();
            self.queue.caught_up(self.now, reached);
        }
    }

    #[test]
    fn a_key_never_runs_twice_at_once() {
        let mut case = Case::new();
        case.want("a");
        assert_eq!(case.start(), Some("a"));
        case.want("a");
        case.want("a");
        assert_eq!(case.start(), None);
        case.finish("a", Outcome::Settled, &[]);
        // What happened meanwhile is one run, not two.
        assert_eq!(case.start(), Some("a"));
        case.finish("a", Outcome::Settled, &[]);
        assert_eq!(case.start(), None);
    }

    #[test]
    fn different_keys_run_side_by_side() {
        let mut case = Case::new();
        case.want("a");
        case.want("b");
        assert_eq!((case.start(), case.start(), case.start()), (Some("a"), Some("b"), None));
    }

    #[test]
    fn a_key_waits_for_its_own_writes_on_each_watch() {
        let mut case = Case::new();
        case.want("a");
        case.start();
        case.finish("a", Outcome::Settled, &[(PODS, 7), (SETS, 9)]);
        case.want("a");
        assert_eq!(case.start(), None);
        // The sum of all watches is not enough: each must have come so far itself.
        (case.pods, case.sets) = (99, 8);
        case.catch_up();
        assert_eq!(case.start(), None);
        case.sets = 9;
        case.catch_up();
        assert_eq!(case.start(), Some("a"));
    }

    #[test]
    fn writes_that_were_seen_before_the_run_ended_hold_nothing_back() {
        let mut case = Case::new();
        case.want("a");
        case.start();
        case.pods = 7;
        case.finish("a", Outcome::Settled, &[(PODS, 7)]);
        case.want("a");
        assert_eq!(case.start(), Some("a"));
    }

    #[test]
    fn writes_to_what_is_not_watched_hold_nothing_back() {
        let mut case = Case::new();
        case.want("a");
        case.start();
        case.finish("a", Outcome::Settled, &[(Resource::of("", "v1", "events"), 7)]);
        case.want("a");
        assert_eq!(case.start(), Some("a"));
    }

    #[test]
    fn patience_with_a_watch_ends() {
        let mut case = Case::new();
        case.want("a");
        case.start();
        case.finish("a", Outcome::Settled, &[(PODS, 7)]);
        case.want("a");
        assert_eq!(case.queue.wake(), Some(case.now + PATIENCE));
        case.now += PATIENCE;
        case.catch_up();
        assert_eq!(case.start(), Some("a"));
    }

    #[test]
    fn a_failed_key_backs_off_whatever_happens_and_longer_each_time() {
        let mut case = Case::new();
        case.want("a");
        let mut last = Duration::ZERO;
        for _ in 0..4 {
            assert_eq!(case.start(), Some("a"));
            case.finish("a", Outcome::Failed, &[]);
            case.want("a");
            assert_eq!(case.start(), None);
            let wake = case.queue.wake().expect("it comes back");
            assert!(wake - case.now > last, "each wait is longer");
            last = wake - case.now;
            case.now = wake;
        }
        assert_eq!(case.queue.failures(&"a"), 4);
        assert_eq!(case.start(), Some("a"));
        case.finish("a", Outcome::Settled, &[]);
        assert_eq!(case.queue.failures(&"a"), 0);
    }

    #[test]
    fn a_key_comes_back_when_it_said_so_and_earlier_when_something_happens() {
        let mut case = Case::new();
        case.want("a");
        case.start();
        case.finish("a", Outcome::After(Duration::from_secs(60)), &[]);
        assert_eq!(case.start(), None);
        assert_eq!(case.queue.wake(), Some(case.now + Duration::from_secs(60)));
        case.want("a");
        assert_eq!(case.start(), Some("a"));
        case.finish("a", Outcome::After(Duration::from_secs(60)), &[]);
        case.now += Duration::from_secs(60);
        assert_eq!(case.start(), Some("a"));
    }

    #[test]
    fn a_burst_of_events_is_one_run_after_the_pause() {
        let mut case = Case::new();
        let pause = Duration::from_millis(20);
        case.queue = Queue::new(pause);
        case.want("a");
        // The first comes at once.
        assert_eq!(case.start(), Some("a"));
        case.finish("a", Outcome::Settled, &[]);
        case.want("a");
        case.want("a");
        assert_eq!(case.start(), None);
        assert_eq!(case.queue.wake(), Some(case.now + pause));
        case.now += pause;
        assert_eq!(case.start(), Some("a"));
        case.finish("a", Outcome::Settled, &[]);
        case.now += pause;
        case.queue.sweep(case.now);
        assert!(case.queue.entries.is_empty());
    }
}
