//! One object as bytes, as checkpoints and dumps hold it.

use super::frame::{Fields, put_bytes, put_optional, put_u32, put_u64};
use super::record::{PLAIN, decode_value};
use crate::pool::Pool;
use crate::{Entry, Key, Revision, Value};

pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_bytes(out, entry.key.as_bytes());
    put_u64(out, entry.revision.0);
    put_u64(out, entry.created.0);
    put_optional(out, entry.tag.as_deref());
    out.push(PLAIN);
    put_value(out, &entry.value);
}

pub(super) fn put_value(out: &mut Vec<u8>, value: &Value) {
    put_u32(out, value.len() as u32);
    value.runs().for_each(|run| out.extend_from_slice(run));
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
