//! The definitions that a server has seen, and what it made of them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use timonier_store::{Revision, Snapshot};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::kinds::custom::{Definition, Fingerprint, Rows, rows};
use crate::kinds::{Kinds, Row};
use crate::object::Object;

/// Before the keys of all definitions.
pub const PREFIX: &str = "customresourcedefinitions.apiextensions.k8s.io/";

/// The definitions that this server has seen.
pub struct Definitions {
    /// The row of the definitions themselves.
    row: Arc<Row>,
    pub(super) held: Mutex<Held>,
    /// The newest revision of a definition whose kind is in the table.
    seen: watch::Sender<Revision>,
    /// Cancelled with the server.
    stop: CancellationToken,
}

#[derive(Default)]
pub(super) struct Held {
    pub(super) by_name: BTreeMap<String, One>,
    /// Those whose objects are being deleted by this server.
    pub(super) cleaning: HashSet<String>,
}

pub(super) struct One {
    revision: Revision,
    pub(super) definition: Arc<Definition>,
    fingerprint: Fingerprint,
    rows: Rows,
    life: CancellationToken,
}

impl Definitions {
    pub fn new(row: Arc<Row>, stop: CancellationToken) -> Definitions {
        Definitions { row, held: Mutex::default(), seen: watch::channel(Revision(0)).0, stop }
    }

    /// The row of the definitions themselves.
    pub fn row(&self) -> &Arc<Row> {
        &self.row
    }

    /// Brings the table to what a snapshot says. Returns the names of the definitions that have changed.
    pub fn sync(&self, snapshot: &Snapshot, kinds: &Kinds) -> Vec<String> {
        let mut held = self.held.lock();
        let mut changed = vec![];
        let mut newest = Revision(0);
        let mut there = HashSet::new();
        let mut table_changed = false;
        for entry in snapshot.range(PREFIX, None) {
            let name = entry.key.as_str().trim_start_matches(PREFIX).to_owned();
            newest = newest.max(entry.revision);
            there.insert(name.clone());
            if held.by_name.get(&name).is_some_and(|one| one.revision == entry.revision) {
                continue;
            }
            // Without its revision it shares its bytes with the store.
            let read = Object::of(entry).ok().and_then(|object| Definition::read(object.at_revision(Revision(0))));
            let Some(definition) = read else {
                tracing::warn!(name, "a stored CustomResourceDefinition cannot be read");
                continue;
            };
            changed.push(name.clone());
            let fingerprint = definition.fingerprint();
            if let Some(one) = held.by_name.get_mut(&name).filter(|one| one.fingerprint == fingerprint) {
                one.revision = entry.revision;
                continue;
            }
            table_changed = true;
            let one = self.take_in(Arc::new(definition), fingerprint, entry.revision);
            if let Some(before) = held.by_name.insert(name, one) {
                before.life.cancel();
            }
        }
        held.by_name.retain(|name, one| {
            let stays = there.contains(name);
            if !stays {
                one.life.cancel();
                table_changed = true;
                changed.push(name.clone());
            }
            stays
        });
        if table_changed {
            kinds.extend(held.by_name.values().flat_map(|one| one.rows.served.iter().cloned()));
        }
        drop(held);
        self.seen.send_replace(newest);
        changed
    }

    fn take_in(&self, definition: Arc<Definition>, fingerprint: Fingerprint, revision: Revision) -> One {
        let life = self.stop.child_token();
        let rows = if definition.is("Established") { rows(&definition, &life) } else { Rows::none() };
        One { revision, definition, fingerprint, rows, life }
    }

    /// The row in which the objects of a definition are stored.
    pub fn storage(&self, name: &str) -> Option<Arc<Row>> {
        self.held.lock().by_name.get(name)?.rows.storage.clone()
    }

    /// The newest revision of a definition whose kind is in the table, as it changes.
    pub fn subscribe(&self) -> watch::Receiver<Revision> {
        self.seen.subscribe()
    }

    pub fn names(&self) -> Vec<String> {
        self.held.lock().by_name.keys().cloned().collect()
    }

    /// Those in the groups of these whose names were taken: they may be free now.
    pub fn refused(&self, changed: &[String]) -> Vec<String> {
        let group = |name: &str| name.split_once('.').map(|(_, group)| group.to_owned());
        let groups: HashSet<String> = changed.iter().filter_map(|name| group(name)).collect();
        let held = self.held.lock();
        let waiting = held.by_name.iter().filter(|(name, one)| {
            groups.contains(one.definition.group()) && !one.definition.is("NamesAccepted") && !changed.contains(*name)
        });
        waiting.map(|(name, _)| name.clone()).collect()
    }
}
