//! The meeting point of one writer (an engine) and many readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::tail::Tail;
use crate::topics::{Topic, Topics};
use crate::{Event, Filter, Revision, Snapshot};

/// Trimming visits every topic, so it is done once for this many events (or for as many as fit in
/// memory, if these are fewer).
const TRIM_EVERY: usize = 1024;

/// Holds what is published: the snapshot, the newest events, and the topics of the watchers.
pub(crate) struct Hub {
    snapshot: RwLock<Snapshot>,
    /// The snapshot's revision, for those who wait for one.
    revision: watch::Sender<Revision>,
    fanout: Mutex<Fanout>,
    oldest: AtomicU64,
    closed: AtomicBool,
}

struct Fanout {
    tail: Tail,
    topics: Topics,
    trimmed: usize,
}

impl Hub {
    /// A hub that starts at `snapshot`, with a history from `oldest` on in the engine, of which
    /// `tail` is in memory.
    pub(crate) fn new(snapshot: Snapshot, oldest: Revision, tail: Tail) -> Hub {
        let now = snapshot.revision();
        Hub {
            snapshot: RwLock::new(snapshot),
            revision: watch::Sender::new(now),
            fanout: Mutex::new(Fanout { tail, topics: Topics::default(), trimmed: 0 }),
            oldest: AtomicU64::new(oldest.0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.read().clone()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.snapshot.read().revision()
    }

    /// The oldest revision from which a watch can start and that `at` can answer.
    pub(crate) fn oldest(&self) -> Revision {
        Revision(self.oldest.load(Ordering::Acquire))
    }

    pub(crate) fn raise_oldest(&self, oldest: Revision) {
        self.oldest.fetch_max(oldest.0, Ordering::AcqRel);
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
            *self.snapshot.write() = next;
        }
        self.revision.send_replace(now);
        for topic in touched {
            topic.wake_all();
        }
    }

    /// Replaces everything when the events in between are not known: whoever has not seen `next`
    /// is cut off.
    pub(crate) fn reset(&self, next: Snapshot) {
        let now = next.revision();
        {
            let mut fanout = self.fanout.lock();
            fanout.tail.drop_through(now);
            fanout.topics.reset(now);
            *self.snapshot.write() = next;
            self.raise_oldest(now);
            fanout.topics.wake_all();
        }
        self.revision.send_replace(now);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.fanout.lock().topics.wake_all();
    }

    /// Waits until the snapshot is at least at `revision`.
    pub(crate) async fn reached(&self, revision: Revision) {
        let mut seen = self.revision.subscribe();
        // The sender lives as long as `self`, so this can't fail.
        let _ = seen.wait_for(|now| *now >= revision).await;
    }

    pub(crate) fn join(&self, filter: Filter) -> Arc<Topic> {
        // Under the lock: a new topic must not miss what is published meanwhile.
        let mut fanout = self.fanout.lock();
        let now = self.revision();
        fanout.topics.join(filter, now)
    }

    pub(crate) fn leave(&self, topic: &Arc<Topic>) {
        self.fanout.lock().topics.leave(topic);
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
