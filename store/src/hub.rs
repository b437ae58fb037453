//! The meeting point of one writer (an engine) and many readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};

use crate::arrivals::Arrivals;
use crate::floors::Floors;
use crate::sweep::Sweeper;
use crate::tail::Tail;
use crate::timeline::{self, Moment, Timeline};
use crate::topic::Topic;
use crate::topics::Topics;
use crate::waiters::Seat;
use crate::{Event, Filter, Revision, Snapshot};

/// Trimming visits every topic, so it is done once for this many events (or for as many as fit in
/// memory, if these are fewer).
const TRIM_EVERY: usize = 1024;

/// Holds what is published: the snapshot, the newest events, and the topics of the watchers.
pub(crate) struct Hub {
    snapshot: RwLock<Snapshot>,
    /// The snapshot's revision, set after it.
    published: AtomicU64,
    arrivals: Arrivals,
    fanout: Mutex<Fanout>,
    sweeper: Sweeper,
    timeline: Mutex<Timeline>,
    floors: Floors,
    closed: AtomicBool,
}

struct Fanout {
    tail: Tail,
    topics: Topics,
    trimmed: usize,
}

impl Hub {
    /// A hub that starts at `snapshot`, with a history above `floors` in the engine, of which
    /// `tail` is in memory and `timeline` knows the times.
    pub(crate) fn new(snapshot: Snapshot, floors: Floors, tail: Tail, mut timeline: Timeline) -> Hub {
        let now = snapshot.revision();
        timeline.forget(floors.all());
        timeline.note(timeline::now(), now);
        Hub {
            snapshot: RwLock::new(snapshot),
            published: AtomicU64::new(now.0),
            arrivals: Arrivals::default(),
            fanout: Mutex::new(Fanout { tail, topics: Topics::default(), trimmed: 0 }),
            sweeper: Sweeper::start(),
            timeline: Mutex::new(timeline),
            floors,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.read().clone()
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision(self.published.load(Ordering::Acquire))
    }

    /// The oldest revision from which a watch can start and that `at` can answer.
    pub(crate) fn oldest(&self) -> Revision {
        // Whoever is at the newest misses nothing, wherever the engine's history begins.
        self.floors.all().min(self.revision())
    }

    /// The same for keys that start with `prefix`, some of which may be kept for less time.
    pub(crate) fn oldest_of(&self, prefix: &str) -> Revision {
        self.floors.of(prefix).min(self.revision())
    }

    /// Raises `oldest_of` for keys that start with `prefix`.
    pub(crate) fn raise_oldest_of(&self, prefix: &Arc<str>, oldest: Revision) {
        self.floors.raise_part(prefix, oldest);
    }

    pub(crate) fn raise_oldest(&self, oldest: Revision) {
        self.floors.raise(oldest);
        self.timeline.lock().forget(oldest);
    }

    /// By `time` (Unix milliseconds) everything up to `revision` had happened.
    pub(crate) fn note_time(&self, time: u64, revision: Revision) {
        self.timeline.lock().note(time, revision);
    }

    /// The newest moment that is known at or before `time`, if history reaches back that far.
    pub(crate) fn moment(&self, time: SystemTime) -> Option<Moment> {
        self.timeline.lock().at(time)
    }

    /// The first moment that is known at which `revision` had been reached.
    pub(crate) fn moment_of(&self, revision: Revision) -> Option<Moment> {
        self.timeline.lock().of(revision)
    }

    /// The first moment that is known.
    pub(crate) fn first_moment(&self) -> Option<Moment> {
        self.timeline.lock().first()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Makes `next` visible, and the events that lead to it. The only place where they become so;
    /// called by one writer at a time.
    pub(crate) fn publish(&self, next: Snapshot, events: impl IntoIterator<Item = Arc<Event>>) {
        let mut touched = Vec::new();
        let now = next.revision();
        {
            let mut fanout = self.fanout.lock();
            for event in events {
                fanout.topics.push(&event, &mut touched);
                fanout.tail.push(event);
            }
            fanout.trimmed += fanout.tail.trim();
            if fanout.trimmed >= TRIM_EVERY.min(fanout.tail.capacity()) {
                fanout.trimmed = 0;
                fanout.topics.drop_through(fanout.tail.floor());
            }
            self.show(next);
        }
        self.arrivals.arrived(now);
        for topic in &touched {
            self.sweeper.wake(topic);
        }
    }

    fn show(&self, next: Snapshot) {
        let now = next.revision();
        *self.snapshot.write() = next;
        self.published.store(now.0, Ordering::Release);
    }

    /// Replaces everything when the events in between are not known: whoever has not seen `next`
    /// is cut off.
    pub(crate) fn reset(&self, next: Snapshot) {
        let now = next.revision();
        {
            let mut fanout = self.fanout.lock();
            fanout.tail.drop_through(now);
            fanout.topics.reset(now);
            self.show(next);
            self.raise_oldest(now);
            fanout.topics.wake_all();
        }
        self.arrivals.arrived(now);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.fanout.lock().topics.wake_all();
    }

    /// Waits until the snapshot is at least at `revision`.
    pub(crate) async fn reached(&self, revision: Revision) {
        self.arrivals.reached(revision, || self.revision() >= revision).await;
    }

    pub(crate) fn join(&self, filter: Filter) -> Arc<Topic> {
        // Under the lock: a new topic must not miss what is published meanwhile.
        let mut fanout = self.fanout.lock();
        let now = self.revision();
        fanout.topics.join(filter, now)
    }

    pub(crate) fn leave(&self, topic: &Arc<Topic>, seat: &Seat) {
        self.fanout.lock().topics.leave(topic, seat);
    }

    /// Offers every event in memory after `after` to `see`, and returns the snapshot to which they
    /// lead. When memory does not reach back that far: the revision from which on it does.
    pub(crate) fn recent(&self, after: Revision, mut see: impl FnMut(&Arc<Event>)) -> Result<Snapshot, Revision> {
        let fanout = self.fanout.lock();
        let Some(events) = fanout.tail.after(after) else {
            return Err(fanout.tail.floor());
        };
        events.for_each(&mut see);
        Ok(self.snapshot())
    }

    /// Drops what is in memory up to and with `revision`.
    pub(crate) fn forget(&self, revision: Revision) {
        let mut fanout = self.fanout.lock();
        fanout.tail.drop_through(revision);
        fanout.topics.drop_through(revision);
    }

    /// The newest revision whose events are no longer in memory.
    pub(crate) fn floor(&self) -> Revision {
        self.fanout.lock().tail.floor()
    }
}
