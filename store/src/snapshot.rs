//! The whole store at one revision.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::{Entry, Key, Revision};

pub(crate) type Entries = OrdMap<Key, Arc<Entry>>;

/// The whole store at one revision: immutable, and cheap to clone because snapshots share what
/// did not change between them.
#[derive(Clone)]
pub struct Snapshot {
    revision: Revision,
    entries: Entries,
}

impl Snapshot {
    pub(crate) fn new(revision: Revision, entries: Entries) -> Snapshot {
        Snapshot { revision, entries }
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.entries.get(key)
    }

    /// The entries whose keys start with `prefix`, in key order, those after the key `after` only.
    pub fn range<'a>(&'a self, prefix: &str, after: Option<&Key>) -> impl Iterator<Item = &'a Arc<Entry>> + use<'a> {
        let prefix: Arc<str> = prefix.into();
        let start = match after {
            Some(after) if after.as_str() >= &*prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(&*prefix),
        };
        let found = self.entries.range::<_, str>((start, Bound::Unbounded));
        found.map(|(_, entry)| entry).take_while(move |entry| entry.key.starts_with(&*prefix))
    }

    /// How many keys start with `prefix`. Walks over them.
    pub fn count(&self, prefix: &str) -> usize {
        if prefix.is_empty() { self.entries.len() } else { self.range(prefix, None).count() }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({:?}, {} entries)", self.revision, self.entries.len())
    }
}
