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
        let start = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let behind = behind(prefix);
        let end = behind.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        // Beyond the end there is no range to ask for.
        let is_empty = matches!((start, end), (Bound::Excluded(s) | Bound::Included(s), Bound::Excluded(e)) if s >= e);
        let found = (!is_empty).then(|| self.entries.range::<_, str>((start, end)));
        found.into_iter().flatten().map(|(_, entry)| entry)
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

/// The first of all strings that come after those with `prefix`, if there is one: so a range ends by itself, and
/// counting it need not look at keys.
fn behind(prefix: &str) -> Option<String> {
    let last = prefix.chars().next_back()?;
    let next = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32);
    let rest = &prefix[..prefix.len() - last.len_utf8()];
    match next {
        Some(next) => Some(format!("{rest}{next}")),
        None => behind(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_what_starts_with_its_prefix() {
        let mut entries = Entries::new();
        let keys = ["a", "a.b", "a/", "a/b", "a/c", "a/\u{10ffff}", "a0", "b/a", "\u{10ffff}", "\u{10ffff}a"];
        for key in keys {
            let entry = Entry::new(Key::new(key), Revision(1), Revision(1), bytes::Bytes::from("x"), None);
            entries.insert(Key::new(key), Arc::new(entry));
        }
        let snapshot = Snapshot::new(Revision(1), entries);
        for prefix in ["", "a", "a/", "a/\u{10ffff}", "b", "\u{10ffff}", "\u{d7ff}", "c"] {
            for after in [None, Some("a/b"), Some("a0"), Some("z"), Some("")] {
                let expected: Vec<&str> = keys
                    .into_iter()
                    .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| *key > after))
                    .collect();
                let after = after.map(Key::from);
                let found: Vec<&str> = snapshot.range(prefix, after.as_ref()).map(|e| e.key.as_str()).collect();
                assert_eq!(found, expected, "{prefix:?} after {after:?}");
            }
        }
    }
}
