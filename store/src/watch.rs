//! Following the store.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::{BoxFuture, poll_fn};

use crate::batch::Batch;
use crate::engine::{Chunk, Engine};
use crate::hub::Hub;
use crate::topic::Topic;
use crate::waiters::Seat;
use crate::{Event, Filter, ReadError, Revision, WatchEnd};

/// Delivers every matching event after its start, in order, once.
///
/// Normally it reads its topic in memory. A watcher that starts in the past, or is slow, reads
/// what it missed from the tail in memory or from the engine's history.
pub struct Watch {
    hub: Arc<Hub>,
    engine: Arc<dyn Engine>,
    topic: Arc<Topic>,
    seat: Arc<Seat>,
    /// Everything up to here has been delivered.
    seen: Revision,
    /// A read of history that has begun.
    reading: Option<BoxFuture<'static, Result<Chunk, ReadError>>>,
}

impl Watch {
    pub(crate) fn new(hub: Arc<Hub>, engine: Arc<dyn Engine>, after: Revision, filter: Filter) -> Watch {
        Watch { topic: hub.join(filter), hub, engine, seat: Arc::default(), seen: after, reading: None }
    }

    /// The next batch; waits until something matches. Cancel-safe.
    pub async fn next(&mut self) -> Result<Arc<Batch>, WatchEnd> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next batch, which is never empty. When nothing waits, the task is woken once something may match.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Arc<Batch>, WatchEnd>> {
        loop {
            let batch = match self.reading {
                Some(_) => ready!(self.poll_history(context))?,
                None => match self.topic.poll(&self.seat, self.seen, || self.hub.revision(), context.waker()) {
                    // Asked for after the waker was left, as it is set before waking.
                    Poll::Pending if self.hub.is_closed() => return Poll::Ready(Err(WatchEnd::Closed)),
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(batch)) => batch,
                    Poll::Ready(None) => match self.recent()? {
                        Some(batch) => batch,
                        None => continue,
                    },
                },
            };
            self.seen = batch.through;
            if self.hub.is_closed() {
                return Poll::Ready(Err(WatchEnd::Closed));
            }
            if !batch.events.is_empty() {
                return Poll::Ready(Ok(batch));
            }
        }
    }

    /// The revision up to which this watcher has seen everything that matches, including
    /// revisions at which nothing did. For bookmarks.
    pub fn progress(&self) -> Revision {
        let now = self.hub.revision();
        if now > self.seen && self.topic.is_quiet(self.seen, now) { now } else { self.seen }
    }

    /// What is in memory though no longer in the topic. `None` when it is not: then a read of history has begun.
    fn recent(&mut self) -> Result<Option<Arc<Batch>>, WatchEnd> {
        let mut events = Vec::new();
        let recent = self.hub.recent(self.seen, |event| {
            if self.topic.filter.matches(event) {
                events.push(event.clone());
            }
        });
        match recent {
            Ok(snapshot) => Ok(Some(self.picked(events, snapshot.revision()))),
            Err(until) => {
                self.check()?;
                self.reading = Some(self.engine.history(self.seen, until, &self.topic.filter.prefix));
                Ok(None)
            }
        }
    }

    fn poll_history(&mut self, context: &mut Context<'_>) -> Poll<Result<Arc<Batch>, WatchEnd>> {
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let chunk = ready!(reading.poll_unpin(context));
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
        Poll::Ready(Ok(self.picked(events, chunk.through)))
    }

    /// Whether what this watcher has not seen is still kept.
    fn check(&self) -> Result<(), WatchEnd> {
        let oldest = self.hub.oldest_of(&self.topic.filter.prefix);
        if self.seen < oldest { Err(WatchEnd::Lagged { oldest }) } else { Ok(()) }
    }

    fn picked(&self, events: Vec<Arc<Event>>, through: Revision) -> Arc<Batch> {
        Arc::new(Batch::picked(self.seen, events, through))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.leave(&self.topic, &self.seat);
    }
}
