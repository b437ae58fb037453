//! What a store may hold after what was answered.

use std::collections::{BTreeMap, BTreeSet};

use crate::embedded::Embedded;
use crate::engine::Engine;
use crate::hub::Hub;
use crate::{CommitError, Revision};

/// A key's value; `None`: it is absent.
pub(super) type Value = Option<String>;

pub(super) struct Model {
    /// The values that each key may have now.
    possible: BTreeMap<String, BTreeSet<Value>>,
    /// What must stand in the history, at its revision.
    done: BTreeMap<Revision, (String, Value)>,
    /// What may stand there.
    unknown: BTreeSet<(String, Value)>,
    /// The newest revision that was answered or shown.
    newest: Revision,
}

impl Model {
    pub(super) fn new() -> Model {
        Model { possible: BTreeMap::new(), done: BTreeMap::new(), unknown: BTreeSet::new(), newest: Revision(0) }
    }

    /// Notes what was answered to the writing of `value`, which no other write has.
    pub(super) fn answered(&mut self, key: &str, value: Value, outcome: Result<Revision, CommitError>) {
        let possible = self.possible.entry(key.to_owned()).or_insert_with(|| BTreeSet::from([None]));
        match outcome {
            Ok(revision) => {
                *possible = BTreeSet::from([value.clone()]);
                if value.is_none() && revision <= self.newest {
                    // The key was absent: the deletion changed nothing.
                    return;
                }
                assert!(revision > self.newest, "revision {revision} after {}", self.newest);
                self.newest = revision;
                self.done.insert(revision, (key.to_owned(), value));
            }
            Err(CommitError::Unknown(_)) => {
                possible.insert(value.clone());
                self.unknown.insert((key.to_owned(), value));
            }
            Err(CommitError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Whether the store, just opened, is what it may be. What it shows is certain from now on.
    pub(super) async fn check(&mut self, hub: &Hub, engine: &Embedded) {
        let snapshot = hub.snapshot();
        assert!(snapshot.revision() >= self.newest, "{} is before {}", snapshot.revision(), self.newest);
        self.newest = snapshot.revision();
        for (key, possible) in &mut self.possible {
            let found = snapshot.get(key).map(|entry| String::from_utf8_lossy(&entry.value.to_bytes()).into_owned());
            assert!(possible.contains(&found), "{key} is {found:?}, it may be {possible:?}");
            *possible = BTreeSet::from([found]);
        }
        assert_eq!(snapshot.range("", None).filter(|entry| !self.possible.contains_key(&*entry.key)).count(), 0);
        self.check_history(hub, engine).await;
    }

    async fn check_history(&mut self, hub: &Hub, engine: &Embedded) {
        let (oldest, end) = (hub.oldest(), hub.revision());
        let (mut through, mut found) = (oldest, BTreeMap::new());
        while through < end {
            let chunk = engine.history(through, end, "").await.expect("the history is whole");
            for event in chunk.events {
                let value = event.current.as_ref().map(|e| String::from_utf8_lossy(&e.value.to_bytes()).into_owned());
                let before = found.insert(event.revision, (event.key.to_string(), value));
                assert!(before.is_none() && event.revision > oldest, "{} again", event.revision);
            }
            through = chunk.through;
        }
        for (revision, change) in &found {
            match self.done.get(revision) {
                Some(done) => assert_eq!(change, done, "revision {revision}"),
                None => assert!(self.unknown.contains(change), "nobody was told that {change:?} may be there"),
            }
        }
        for (revision, change) in self.done.iter().filter(|(revision, _)| **revision > oldest) {
            match found.get(revision) {
                // Of some keys history is kept for less time.
                None => assert!(*revision <= hub.oldest_of(&change.0), "revision {revision} is lost"),
                found => assert_eq!(found, Some(change), "at revision {revision}"),
            }
        }
        self.done.extend(found);
    }
}
