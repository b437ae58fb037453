//! One object as bytes, as checkpoints and dumps hold it.

use bytes::Bytes;

use super::frame::{Fields, put_bytes, put_optional, put_u64};
use super::record::{PLAIN, decode_value};
use crate::{Entry, Key, Revision};

pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_bytes(out, entry.key.as_bytes());
    put_u64(out, entry.revision.0);
    put_u64(out, entry.created.0);
    put_optional(out, entry.tag.as_deref());
    out.push(PLAIN);
    put_bytes(out, &entry.value);
}

/// `None`: these bytes are no such thing.
pub(crate) fn take_entry(fields: &mut Fields<'_>) -> Option<Entry> {
    let key = Key::new(fields.text()?);
    let revision = Revision(fields.u64()?);
    let created = Revision(fields.u64()?);
    let tag = fields.optional()?;
    let value = Bytes::copy_from_slice(decode_value(fields)?);
    Some(Entry::new(key, revision, created, value, tag))
}
