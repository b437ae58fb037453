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
    /// Each with the prefix under which it is right.
    recent: Mutex<VecDeque<(Arc<str>, Snapshot)>>,
}

impl Past {
    /// The entries under `prefix` at `revision`; those elsewhere are of some time.
    pub(crate) async fn at(
        &self,
        hub: &Hub,
        engine: &dyn Engine,
        revision: Revision,
        prefix: &str,
    ) -> Result<Snapshot, ReadError> {
        let now = hub.snapshot();
        if revision > now.revision() {
            let current = now.revision();
            return Err(ReadError::Future { current });
        }
        let oldest = hub.oldest_of(prefix);
        if revision < oldest {
            return Err(ReadError::Compacted { oldest });
        }
        if revision == now.revision() {
            return Ok(now);
        }
        if let Some(known) = self.remembered(revision, prefix) {
            return Ok(known);
        }
        let snapshot = undo(hub, engine, revision, prefix).await?;
        // Part of it may have been dropped while it was read.
        let oldest = hub.oldest_of(prefix);
        if revision < oldest {
            return Err(ReadError::Compacted { oldest });
        }
        let mut recent = self.recent.lock();
        recent.push_front((prefix.into(), snapshot.clone()));
        recent.truncate(REMEMBERED);
        Ok(snapshot)
    }

    fn remembered(&self, revision: Revision, prefix: &str) -> Option<Snapshot> {
        let recent = self.recent.lock();
        let fits =
            |(known, snapshot): &&(Arc<str>, Snapshot)| snapshot.revision() == revision && prefix.starts_with(&**known);
        recent.iter().find(fits).map(|(_, snapshot)| snapshot.clone())
    }
}

/// Walks forward from `revision` to the present. The first change of each key tells what the key
/// was before. Memory: an entry for each key under `prefix` that changed since, nothing else.
async fn undo(hub: &Hub, engine: &dyn Engine, revision: Revision, prefix: &str) -> Result<Snapshot, ReadError> {
    let mut before = Before { prefix, entries: HashMap::new() };
    let mut reached = revision;
    let present = loop {
        match hub.recent(reached, |event| before.note(event)) {
            Ok(present) => break present,
            Err(floor) => {
                let chunk = engine.history(reached, floor, prefix).await?;
                chunk.events.iter().for_each(|event| before.note(event));
                reached = chunk.through;
            }
        }
    };
    let mut entries = present.entries().clone();
    for (key, entry) in before.entries {
        match entry {
            Some(entry) => entries.insert(key, entry),
            None => entries.remove(&key),
        };
    }
    Ok(Snapshot::new(revision, entries))
}

struct Before<'a> {
    prefix: &'a str,
    entries: HashMap<Key, Option<Arc<Entry>>>,
}

impl Before<'_> {
    fn note(&mut self, event: &Arc<Event>) {
        if !event.key.starts_with(self.prefix) {
            return;
        }
        if let Slot::Vacant(slot) = self.entries.entry(event.key.clone()) {
            slot.insert(event.previous.clone());
        }
    }
}
