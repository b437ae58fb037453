//! What a transaction does to the state: pure, shared by the engines that assign revisions
//! themselves.

use std::sync::Arc;

use crate::pool::Pool;
use crate::snapshot::Entries;
use crate::{CommitError, Condition, Entry, Event, Op, Revision, Snapshot, Txn};

/// The state that the next transaction will see. It may be ahead of what is published.
pub(crate) struct Stage {
    revision: Revision,
    entries: Entries,
    pool: Arc<Pool>,
}

impl Stage {
    pub(crate) fn new(snapshot: &Snapshot, pool: Arc<Pool>) -> Stage {
        Stage { revision: snapshot.revision(), entries: snapshot.entries().clone(), pool }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Starts again from `snapshot`.
    pub(crate) fn reset(&mut self, snapshot: &Snapshot) {
        self.revision = snapshot.revision();
        self.entries = snapshot.entries().clone();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.revision, self.entries.clone())
    }

    /// Does `txn`, and returns its events: none when it changed nothing (and took no revision).
    pub(crate) fn apply(&mut self, txn: Txn) -> Result<Vec<Arc<Event>>, CommitError> {
        self.check(&txn.conditions)?;
        let revision = self.revision.next();
        let mut events = Vec::with_capacity(txn.ops.len());
        for op in txn.ops {
            events.extend(self.change(revision, op).map(Arc::new));
        }
        if !events.is_empty() {
            self.revision = revision;
        }
        Ok(events)
    }

    fn check(&self, conditions: &[Condition]) -> Result<(), CommitError> {
        for condition in conditions {
            let current = self.entries.get(condition.key());
            let holds = match condition {
                Condition::Absent(_) => current.is_none(),
                Condition::At(_, revision) => current.is_some_and(|e| e.revision == *revision),
            };
            if !holds {
                return Err(CommitError::Conflict { key: condition.key().clone(), current: current.cloned() });
            }
        }
        Ok(())
    }

    fn change(&mut self, revision: Revision, op: Op) -> Option<Event> {
        match op {
            Op::Put { key, value, tag } => {
                let previous = self.entries.get(&key).cloned();
                let created = previous.as_ref().map_or(revision, |entry| entry.created);
                let value = self.pool.value(&value);
                let entry = Arc::new(Entry::new(key.clone(), revision, created, value, tag));
                self.entries.insert(key.clone(), entry.clone());
                Some(Event { revision, key, previous, current: Some(entry) })
            }
            Op::Delete { key } => {
                let previous = self.entries.remove(&key)?;
                Some(Event { revision, key, previous: Some(previous), current: None })
            }
        }
    }
}
