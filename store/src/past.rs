//! The store as it was: the present, with the changes since then undone.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::Engine;
use crate::hub::Hub;
use crate::{Entry, Event, Key, ReadError, Revision, Snapshot};

/// Snapshots of the past that were asked for lately (the pages of a long list ask again and
/// again). They share most of their memory with the present.
const REMEMBERED: usize = 8;

#[derive(Default)]
pub(crate) struct Past {
    recent: Mutex<VecDeque<Snapshot>>,
}

impl Past {
    pub(crate) async fn at(&self, hub: &Hub, engine: &dyn Engine, revision: Revision) -> Result<Snapshot, ReadError> {
        let now = hub.snapshot();
        if revision > now.revision() {
            let current = now.revision();
            return Err(ReadError::Future { current });
        }
        let oldest = hub.oldest();
        if revision < oldest {
            return Err(ReadError::Compacted { oldest });
        }
        if revision == now.revision() {
            return Ok(now);
        }
        if let Some(known) = self.remembered(revision) {
            return Ok(known);
        }
        let snapshot = undo(hub, engine, revision).await?;
        let mut recent = self.recent.lock();
        recent.push_front(snapshot.clone());
        recent.truncate(REMEMBERED);
        Ok(snapshot)
    }

    fn remembered(&self, revision: Revision) -> Option<Snapshot> {
        let recent = self.recent.lock();
        recent.iter().find(|s| s.revision() == revision).cloned()
    }
}

/// Walks forward from `revision` to the present. The first change of each key tells what the key
/// was before. Memory: what changed since, nothing else.
async fn undo(hub: &Hub, engine: &dyn Engine, revision: Revision) -> Result<Snapshot, ReadError> {
    let mut before = Before::default();
    let mut reached = revision;
    let present = loop {
        match hub.recent(reached, |event| before.note(event)) {
            Ok(present) => break present,
            Err(floor) => {
                let chunk = engine.history(reached, floor).await?;
                chunk.events.iter().for_each(|event| before.note(event));
                reached = chunk.through;
            }
        }
    };
    let mut entries = present.entries().clone();
    for (key, entry) in before.0 {
        match entry {
            Some(entry) => entries.insert(key, entry),
            None => entries.remove(&key),
        };
    }
    Ok(Snapshot::new(revision, entries))
}

#[derive(Default)]
struct Before(HashMap<Key, Option<Arc<Entry>>>);

impl Before {
    fn note(&mut self, event: &Arc<Event>) {
        if let Slot::Vacant(slot) = self.0.entry(event.key.clone()) {
            slot.insert(event.previous.clone());
        }
    }
}
