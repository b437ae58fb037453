//! Which of the transactions that share one of etcd's revisions an event is of.
//!
//! A value that is written says it itself. Deletions leave no value: where transactions that delete share a revision, the
//! key `meta/deleted` is written before them and names their keys.

use std::collections::HashMap;

use etcd_client::{Event as EtcdEvent, EventType};

use super::layout::{Damaged, Layout};

/// The key that says which deletions are whose.
pub(super) const KEY: &str = "deleted";

/// Its value: for each deletion the place, the key's length (u16 little-endian), the key without the prefix of all data.
#[derive(Default)]
pub(super) struct Deletions(Vec<u8>);

impl Deletions {
    /// Adds one. Returns whether its key can be written down.
    pub(super) fn add(&mut self, place: u8, key: &str) -> bool {
        let Ok(length) = u16::try_from(key.len()) else { return false };
        self.0.push(place);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(key.as_bytes());
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

fn decode(mut bytes: &[u8]) -> Option<HashMap<Vec<u8>, u8>> {
    let mut places = HashMap::new();
    while let [place, low, high, rest @ ..] = bytes {
        let (key, rest) = rest.split_at_checked(u16::from_le_bytes([*low, *high]) as usize)?;
        places.insert(key.to_owned(), *place);
        bytes = rest;
    }
    bytes.is_empty().then_some(places)
}

/// What is known of the revision whose events are read.
#[derive(Default)]
pub(super) struct Places {
    revision: i64,
    deleted: HashMap<Vec<u8>, u8>,
}

impl Places {
    /// The place of one event; they are asked for in etcd's order.
    pub(super) fn of(&mut self, layout: &Layout, event: &EtcdEvent) -> Result<u8, Damaged> {
        let Some(kv) = event.kv() else { return Ok(0) };
        if let Some(key) = layout.key(kv.key()) {
            return match event.event_type() {
                EventType::Put => layout.place(kv),
                EventType::Delete if self.revision != kv.mod_revision() => Ok(0),
                EventType::Delete => Ok(self.deleted.get(key.as_bytes()).copied().unwrap_or(0)),
            };
        }
        if kv.key() == layout.meta_key(KEY).as_bytes() && event.event_type() == EventType::Put {
            let unknown = || Damaged { key: layout.meta_key(KEY), problem: "it does not say what was deleted" };
            self.deleted = decode(kv.value()).ok_or_else(unknown)?;
            self.revision = kv.mod_revision();
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_read_as_they_were_written() {
        let mut deletions = Deletions::default();
        assert!(deletions.is_empty());
        for (place, key) in [(0, "pods/a"), (3, ""), (127, "line\nbreak")] {
            assert!(deletions.add(place, key));
        }
        assert!(!deletions.add(1, &"x".repeat(1 << 16)));
        let bytes = deletions.into_bytes();
        let places = decode(&bytes).unwrap();
        assert_eq!(places.len(), 3);
        assert_eq!((places[&b"pods/a"[..]], places[&b""[..]], places[&b"line\nbreak"[..]]), (0, 3, 127));
        for cut in [1, 2, 5, bytes.len() - 1] {
            assert!(decode(&bytes[..cut]).is_none(), "{cut}");
        }
    }
}
