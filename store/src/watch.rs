//! Following the store.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::engine::{Chunk, Engine};
use crate::hub::Hub;
use crate::topics::Topic;
use crate::{Event, Filter, ReadError, Revision, WatchEnd};

/// All that waited for a watcher.
#[derive(Debug)]
pub struct Batch {
    /// Matching events, oldest first. Never empty.
    pub events: Vec<Arc<Event>>,
    /// Every matching event up to here has now been delivered.
    pub through: Revision,
}

/// Delivers every matching event after its start, in order, once.
///
/// Normally it reads its topic in memory. A watcher that starts in the past, or is slow, reads
/// what it missed from the tail in memory or from the engine's history.
pub struct Watch {
    hub: Arc<Hub>,
    engine: Arc<dyn Engine>,
    topic: Arc<Topic>,
    /// Everything up to here has been delivered.
    seen: Revision,
    /// A read of history that `next` began. Kept here so that dropping a call of `next` loses
    /// nothing.
    reading: Option<BoxFuture<'static, Result<Chunk, ReadError>>>,
}

impl Watch {
    pub(crate) fn new(hub: Arc<Hub>, engine: Arc<dyn Engine>, after: Revision, filter: Filter) -> Watch {
        Watch { topic: hub.join(filter), hub, engine, seen: after, reading: None }
    }

    /// The next batch; waits until something matches. Cancel-safe.
    pub async fn next(&mut self) -> Result<Batch, WatchEnd> {
        let topic = self.topic.clone();
        loop {
            // Registered before looking, so that an event that comes in between still wakes us.
            let mut woken = std::pin::pin!(topic.wake.notified());
            woken.as_mut().enable();
            if self.hub.is_closed() {
                return Err(WatchEnd::Closed);
            }
            match self.waiting().await? {
                Some(batch) if batch.events.is_empty() => continue,
                Some(batch) => return Ok(batch),
                None => woken.await,
            }
        }
    }

    /// The revision up to which this watcher has seen everything that matches, including
    /// revisions at which nothing did. For bookmarks.
    pub fn progress(&self) -> Revision {
        let now = self.hub.revision();
        if now > self.seen && self.topic.is_quiet(self.seen, now) { now } else { self.seen }
    }

    /// What waits now; `None` when nothing does. A batch may be empty when it only made progress.
    async fn waiting(&mut self) -> Result<Option<Batch>, WatchEnd> {
        let now = self.hub.revision();
        if let Some(events) = self.topic.between(self.seen, now) {
            if events.is_empty() {
                return Ok(None);
            }
            return Ok(Some(self.deliver(events, now)));
        }
        let mut events = Vec::new();
        let recent = self.hub.recent(self.seen, |event| {
            if self.topic.filter.matches(event) {
                events.push(event.clone());
            }
        });
        match recent {
            Ok(snapshot) => Ok(Some(self.deliver(events, snapshot.revision()))),
            Err(floor) => self.read(floor).await.map(Some),
        }
    }

    async fn read(&mut self, until: Revision) -> Result<Batch, WatchEnd> {
        self.check()?;
        let reading =
            self.reading.get_or_insert_with(|| self.engine.history(self.seen, until, &self.topic.filter.prefix));
        let chunk = reading.await;
        self.reading = None;
        let chunk = chunk.map_err(|error| match error {
            ReadError::Compacted { oldest } => WatchEnd::Lagged { oldest },
            other => WatchEnd::Failed(other),
        })?;
        // Part of it may have been dropped while it was read.
        self.check()?;
        let filter = &self.topic.filter;
        let matching = chunk.events.into_iter().filter(|e| filter.matches(e));
        let events = matching.collect();
        Ok(self.deliver(events, chunk.through))
    }

    /// Whether what this watcher has not seen is still kept.
    fn check(&self) -> Result<(), WatchEnd> {
        let oldest = self.hub.oldest_of(&self.topic.filter.prefix);
        if self.seen < oldest { Err(WatchEnd::Lagged { oldest }) } else { Ok(()) }
    }

    fn deliver(&mut self, events: Vec<Arc<Event>>, through: Revision) -> Batch {
        self.seen = self.seen.max(through);
        Batch { events, through: self.seen }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.leave(&self.topic);
    }
}
