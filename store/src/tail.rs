//! The newest events, in memory, within limits.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::{Event, Revision};

/// All events with a revision above `floor`, in order; whole revisions only.
pub(crate) struct Tail {
    events: VecDeque<Arc<Event>>,
    /// What each of them weighs.
    weights: VecDeque<usize>,
    floor: Revision,
    weight: usize,
    max_events: usize,
    max_weight: usize,
}

impl Tail {
    pub(crate) fn new(floor: Revision, max_events: usize, max_weight: usize) -> Tail {
        Tail { events: VecDeque::new(), weights: VecDeque::new(), floor, weight: 0, max_events, max_weight }
    }

    /// The newest revision that is no longer here.
    pub(crate) fn floor(&self) -> Revision {
        self.floor
    }

    /// How many events fit at most.
    pub(crate) fn capacity(&self) -> usize {
        self.max_events
    }

    pub(crate) fn push(&mut self, event: Arc<Event>) {
        // A value that was replaced is counted where it was current, unless that is no longer here.
        let kept = event.previous.as_ref().filter(|previous| previous.revision <= self.floor);
        let weight = event.weight() + kept.map_or(0, |previous| previous.value.own_len());
        self.weight += weight;
        self.weights.push_back(weight);
        self.events.push_back(event);
    }

    /// Drops the oldest revisions until the limits hold. Returns how many events went.
    pub(crate) fn trim(&mut self) -> usize {
        let before = self.events.len();
        while self.events.len() > self.max_events || self.weight > self.max_weight {
            let Some(oldest) = self.events.front() else {
                break;
            };
            self.drop_through(oldest.revision);
        }
        before - self.events.len()
    }

    /// Drops all events up to and with `revision`.
    pub(crate) fn drop_through(&mut self, revision: Revision) {
        while let Some(event) = self.events.front()
            && event.revision <= revision
        {
            self.events.pop_front();
            self.weight -= self.weights.pop_front().unwrap_or(0);
        }
        self.floor = self.floor.max(revision);
    }

    /// The events after `after`, or `None` when some of them are no longer here.
    pub(crate) fn after(&self, after: Revision) -> Option<impl Iterator<Item = &Arc<Event>>> {
        if after < self.floor {
            return None;
        }
        let start = self.events.partition_point(|event| event.revision <= after);
        Some(self.events.range(start..))
    }
}
