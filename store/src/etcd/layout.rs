//! Our keys and values as etcd's.

use std::sync::Arc;

use etcd_client::{Event as EtcdEvent, EventType, KeyValue};

use super::numbering::Numbering;
use crate::pool::Pool;
use crate::{Entry, Event, Key, Revision};

/// The format that this version makes, and the newest that it knows.
pub(super) const FORMAT: u64 = 2;
/// How a value is encoded: as it is. Other numbers are for compression and encryption.
const PLAIN: u8 = 1;
/// What stands before the value.
const TAG: u8 = 1;
const PLACE: u8 = 2;

/// Where a cluster's keys are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The prefix of everything.
    root: String,
    data: String,
    meta: String,
    numbering: Numbering,
    pool: Arc<Pool>,
}

/// Why a key can't be read.
#[derive(Debug)]
pub(super) struct Damaged {
    pub(super) key: String,
    pub(super) problem: &'static str,
}

impl Layout {
    pub(super) fn new(cluster: &str) -> Layout {
        Layout {
            root: format!("/timonier/{cluster}/"),
            data: format!("/timonier/{cluster}/data/"),
            meta: format!("/timonier/{cluster}/meta/"),
            numbering: Numbering::new(FORMAT, 0),
            pool: Pool::none(),
        }
    }

    pub(super) fn with_numbering(self, numbering: Numbering) -> Layout {
        Layout { numbering, ..self }
    }

    pub(super) fn with_pool(self, pool: Arc<Pool>) -> Layout {
        Layout { pool, ..self }
    }

    /// The prefix of all keys.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// The prefix of all data keys.
    pub(super) fn data(&self) -> &str {
        &self.data
    }

    pub(super) fn data_key(&self, key: &str) -> String {
        format!("{}{key}", self.data)
    }

    pub(super) fn meta_key(&self, name: &str) -> String {
        format!("{}{name}", self.meta)
    }

    pub(super) fn numbering(&self) -> Numbering {
        self.numbering
    }

    /// Our first revision in one of etcd's.
    pub(super) fn revision(&self, etcd: i64) -> Revision {
        self.numbering.at(etcd, 0)
    }

    pub(super) fn etcd_revision(&self, revision: Revision) -> i64 {
        self.numbering.etcd(revision)
    }

    /// Our key, if it is one.
    pub(super) fn key<'a>(&self, key: &'a [u8]) -> Option<&'a str> {
        let key = key.strip_prefix(self.data.as_bytes())?;
        std::str::from_utf8(key).ok()
    }

    /// The place of the transaction that wrote `kv`, a key of ours.
    pub(super) fn place(&self, kv: &KeyValue) -> Result<u8, Damaged> {
        decoded(kv).map(|value| value.place)
    }

    /// The entry that `kv` holds; `None` when it is not ours.
    pub(super) fn entry(&self, kv: &KeyValue) -> Result<Option<Arc<Entry>>, Damaged> {
        let Some(key) = self.key(kv.key()) else {
            return Ok(None);
        };
        let Decoded { place, tag, value } = decoded(kv)?;
        Ok(Some(Arc::new(Entry::new(
            Key::new(key),
            self.numbering.at(kv.mod_revision(), place),
            // Which of the places it was is no longer known after another write.
            self.revision(kv.create_revision()),
            self.pool.value(value),
            tag,
        ))))
    }

    /// The event that etcd tells of, as ours at `revision`; `None` when it is not about a key of ours. `previous` finds
    /// the entry before.
    pub(super) fn event(
        &self,
        event: &EtcdEvent,
        revision: Revision,
        previous: impl FnOnce(&str) -> Result<Option<Arc<Entry>>, Damaged>,
    ) -> Result<Option<Event>, Damaged> {
        let Some(kv) = event.kv() else {
            return Ok(None);
        };
        let Some(key) = self.key(kv.key()) else {
            return Ok(None);
        };
        let current = match event.event_type() {
            EventType::Put => self.entry(kv)?,
            EventType::Delete => None,
        };
        Ok(Some(Event { revision, key: Key::new(key), previous: previous(key)?, current }))
    }
}

/// A value as it is stored; `place` is that of a transaction that shares its revision.
pub(super) fn encode(value: &[u8], tag: Option<&str>, place: Option<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 5 + tag.map_or(0, str::len));
    let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    out.extend_from_slice(&[PLAIN, flag(TAG, tag.is_some()) | flag(PLACE, place.is_some())]);
    out.extend(place);
    if let Some(tag) = tag {
        out.extend_from_slice(&(tag.len() as u16).to_le_bytes());
        out.extend_from_slice(tag.as_bytes());
    }
    out.extend_from_slice(value);
    out
}

#[derive(Debug, PartialEq)]
struct Decoded<'a> {
    place: u8,
    tag: Option<Arc<str>>,
    value: &'a [u8],
}

fn decoded(kv: &KeyValue) -> Result<Decoded<'_>, Damaged> {
    decode(kv.value()).ok_or_else(|| Damaged {
        key: String::from_utf8_lossy(kv.key()).into_owned(),
        problem: "the value is not in a known encoding",
    })
}

fn decode(bytes: &[u8]) -> Option<Decoded<'_>> {
    let [PLAIN, flags, rest @ ..] = bytes else { return None };
    if flags & !(TAG | PLACE) != 0 {
        return None;
    }
    let (place, rest) =
        if flags & PLACE == 0 { (0, rest) } else { rest.split_first().map(|(place, rest)| (*place, rest))? };
    if flags & TAG == 0 {
        return Some(Decoded { place, tag: None, value: rest });
    }
    let [low, high, rest @ ..] = rest else { return None };
    let (tag, value) = rest.split_at_checked(u16::from_le_bytes([*low, *high]) as usize)?;
    let tag = std::str::from_utf8(tag).ok()?;
    Some(Decoded { place, tag: Some(tag.into()), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        for tag in [None, Some(""), Some("node-1")] {
            for place in [None, Some(0), Some(127)] {
                for value in [&b""[..], b"some value"] {
                    let bytes = encode(value, tag, place);
                    let expected = Decoded { place: place.unwrap_or(0), tag: tag.map(Arc::from), value };
                    assert_eq!(decode(&bytes), Some(expected));
                }
            }
        }
        for bad in [&b""[..], b"\x01", b"\x01\x02", b"\x01\x04x", b"\x01\x01\x05\x00ab", b"\x01\x03\x07\x01", b"{}"] {
            assert!(decode(bad).is_none(), "{bad:?}");
        }
    }
}
