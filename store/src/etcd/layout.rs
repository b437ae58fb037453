//! Our keys and values as etcd's.

use std::sync::Arc;

use etcd_client::{Event as EtcdEvent, EventType, KeyValue};

use crate::pool::Pool;
use crate::{Entry, Event, Key, Revision};

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u64 = 1;
/// How a value is encoded: as it is. Other numbers are for compression and encryption.
const PLAIN: u8 = 1;

/// Where a cluster's keys are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The prefix of everything.
    root: String,
    data: String,
    meta: String,
    /// Our revisions are etcd's plus this.
    base: u64,
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
            base: 0,
            pool: Pool::none(),
        }
    }

    pub(super) fn with_base(self, base: u64) -> Layout {
        Layout { base, ..self }
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

    pub(super) fn revision(&self, etcd: i64) -> Revision {
        Revision(etcd.max(0) as u64 + self.base)
    }

    /// etcd's revision; for one before the base one that etcd never had.
    pub(super) fn etcd_revision(&self, revision: Revision) -> i64 {
        match revision.0.checked_sub(self.base) {
            Some(revision) if revision > 0 => revision as i64,
            _ => -1,
        }
    }

    /// Our key, if it is one.
    pub(super) fn key<'a>(&self, key: &'a [u8]) -> Option<&'a str> {
        let key = key.strip_prefix(self.data.as_bytes())?;
        std::str::from_utf8(key).ok()
    }

    /// The entry that `kv` holds; `None` when it is not ours.
    pub(super) fn entry(&self, kv: &KeyValue) -> Result<Option<Arc<Entry>>, Damaged> {
        let Some(key) = self.key(kv.key()) else {
            return Ok(None);
        };
        let Some((tag, value)) = decode(kv.value()) else {
            return Err(Damaged {
                key: String::from_utf8_lossy(kv.key()).into_owned(),
                problem: "the value is not in a known encoding",
            });
        };
        Ok(Some(Arc::new(Entry::new(
            Key::new(key),
            self.revision(kv.mod_revision()),
            self.revision(kv.create_revision()),
            self.pool.value(value),
            tag,
        ))))
    }

    /// The event that etcd tells of; `None` when it is not about a key of ours. `previous` finds
    /// the entry before.
    pub(super) fn event(
        &self,
        event: &EtcdEvent,
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
        Ok(Some(Event {
            revision: self.revision(kv.mod_revision()),
            key: Key::new(key),
            previous: previous(key)?,
            current,
        }))
    }
}

pub(super) fn encode(value: &[u8], tag: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 4 + tag.map_or(0, str::len));
    out.extend_from_slice(&[PLAIN, tag.is_some() as u8]);
    if let Some(tag) = tag {
        out.extend_from_slice(&(tag.len() as u16).to_le_bytes());
        out.extend_from_slice(tag.as_bytes());
    }
    out.extend_from_slice(value);
    out
}

fn decode(bytes: &[u8]) -> Option<(Option<Arc<str>>, &[u8])> {
    match bytes {
        [PLAIN, 0, value @ ..] => Some((None, value)),
        [PLAIN, 1, low, high, rest @ ..] => {
            let length = u16::from_le_bytes([*low, *high]) as usize;
            let (tag, value) = rest.split_at_checked(length)?;
            let tag = std::str::from_utf8(tag).ok()?;
            Some((Some(tag.into()), value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        for tag in [None, Some(""), Some("node-1")] {
            for value in ["", "some value"] {
                let bytes = encode(value.as_bytes(), tag);
                let (found, decoded) = decode(&bytes).unwrap();
                assert_eq!((found.as_deref(), decoded), (tag, value.as_bytes()));
            }
        }
        for bad in [&b""[..], b"\x01", b"\x01\x02", b"\x01\x01\x05\x00ab", b"{}"] {
            assert!(decode(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn revisions_are_those_of_etcd_above_the_base() {
        let layout = Layout::new("c").with_base(100);
        assert_eq!(layout.revision(5), Revision(105));
        assert_eq!(layout.etcd_revision(Revision(105)), 5);
        assert_eq!(layout.etcd_revision(Revision(100)), -1);
        assert_eq!(layout.etcd_revision(Revision(7)), -1);
    }
}
