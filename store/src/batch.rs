//! What a watcher is given at once.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::memo::Memo;
use crate::{Event, Revision};

/// A batch ends with the revision that reaches one of these limits; what waits behind it is in the next one.
const MAX_EVENTS: usize = 2048;
const MAX_WEIGHT: usize = 1 << 20;

/// All that waited for a watcher. Watchers of the same filter that are at the same place share one.
pub struct Batch {
    /// Matching events, oldest first.
    pub events: Vec<Arc<Event>>,
    /// Every matching event up to here has now been delivered.
    pub through: Revision,
    /// Every matching event up to here had been delivered before.
    pub(crate) after: Revision,
    /// Whether it ends at a limit, and not because nothing more waited.
    pub(crate) full: bool,
    memo: Memo,
}

impl Batch {
    /// The first of `waiting`, whole revisions up to the limits; all of it lies after `after`.
    pub(crate) fn of<'a>(after: Revision, waiting: impl Iterator<Item = &'a Arc<Event>>) -> Batch {
        let mut events: Vec<Arc<Event>> = Vec::with_capacity(waiting.size_hint().0.min(MAX_EVENTS));
        let (mut weight, mut full) = (0, false);
        for event in waiting {
            let last = events.last().map(|last| last.revision);
            if (events.len() >= MAX_EVENTS || weight >= MAX_WEIGHT) && last != Some(event.revision) {
                full = true;
                break;
            }
            weight += event.weight();
            events.push(event.clone());
        }
        let through = events.last().map_or(after, |last| last.revision);
        Batch { events, through, after, full, memo: Memo::default() }
    }

    /// Events that were picked elsewhere, complete up to `through`.
    pub(crate) fn picked(after: Revision, events: Vec<Arc<Event>>, through: Revision) -> Batch {
        Batch { events, through: through.max(after), after, full: true, memo: Memo::default() }
    }

    /// What readers make of the whole batch: made by the first, shared by all later ones. One type is remembered.
    pub fn view<T: Any + Send + Sync>(&self, make: impl FnOnce(&Batch) -> T) -> Arc<T> {
        self.memo.get(|| make(self))
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("events", &self.events).field("through", &self.through).finish()
    }
}
