//! One object as bytes, as checkpoints and dumps hold it.

use super::frame::{Fields, put_bytes, put_optional, put_u64};
use super::value_bytes::{PLAIN, decode_value, put_value};
use crate::pool::Pool;
use crate::{Entry, Key, Revision};

pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_bytes(out, entry.key.as_bytes());
    put_u64(out, entry.revision.0);
    put_u64(out, entry.created.0);
    put_optional(out, entry.tag.as_deref());
    out.push(PLAIN);
    put_value(out, &entry.value);
}

/// `None`: these bytes are no such thing.
pub(crate) fn take_entry(fields: &mut Fields<'_>, pool: &Pool) -> Option<Entry> {
    let key = Key::new(fields.text()?);
    let revision = Revision(fields.u64()?);
    let created = Revision(fields.u64()?);
    let tag = fields.optional()?;
    let value = pool.value(decode_value(fields)?);
    Some(Entry::new(key, revision, created, value, tag))
}
