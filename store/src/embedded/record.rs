//! One transaction as bytes.

use std::sync::Arc;

use super::frame::{Fields, put_bytes, put_optional, put_u32, put_u64};
use super::value_bytes::{PLAIN, decode_value, put_value};
use crate::pool::Pool;
use crate::{Entry, Event, Key, Revision};

const PUT: u8 = 1;
const DELETE: u8 = 2;

/// The key of an event that `split_events` returned.
pub(crate) fn key_of(event: &[u8]) -> Option<&str> {
    let mut fields = Fields(event);
    fields.u8()?;
    fields.text()
}

/// The events of a transaction, as bytes. `None`: these bytes are no such thing.
pub(crate) fn split_events(mut fields: Fields<'_>) -> Option<Vec<&[u8]>> {
    let count = fields.u32()?;
    let mut events = Vec::new();
    for _ in 0..count {
        let whole = fields.0;
        let kind = fields.u8()?;
        fields.text()?;
        skip_event(kind, &mut fields)?;
        events.push(whole.get(..whole.len() - fields.0.len())?);
    }
    fields.is_empty().then_some(events)
}

/// Writes a transaction whose events are bytes already.
pub(crate) fn encode_raw(out: &mut Vec<u8>, head: &Head, events: &[&[u8]]) {
    encode_head(out, head, events.len());
    events.iter().for_each(|event| out.extend_from_slice(event));
}

/// The fixed part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) revision: Revision,
    pub(crate) previous: Revision,
    /// The newest revision that was on disk when this was written.
    pub(crate) synced: Revision,
    /// Unix time in milliseconds.
    pub(crate) time: u64,
}

pub(crate) fn encode(out: &mut Vec<u8>, head: &Head, events: &[Arc<Event>]) {
    encode_head(out, head, events.len());
    for event in events {
        encode_event(out, event);
    }
}

fn encode_head(out: &mut Vec<u8>, head: &Head, events: usize) {
    put_u64(out, head.revision.0);
    put_u64(out, head.previous.0);
    put_u64(out, head.synced.0);
    put_u64(out, head.time);
    put_u32(out, events as u32);
}

fn encode_event(out: &mut Vec<u8>, event: &Event) {
    match &event.current {
        Some(entry) => {
            out.push(PUT);
            put_bytes(out, event.key.as_bytes());
            put_optional(out, entry.tag.as_deref());
            out.push(PLAIN);
            put_value(out, &entry.value);
        }
        None => {
            out.push(DELETE);
            put_bytes(out, event.key.as_bytes());
        }
    }
    out.push(event.previous.is_some() as u8);
    if let Some(previous) = &event.previous {
        put_u64(out, previous.revision.0);
        put_u64(out, previous.created.0);
        put_optional(out, previous.tag.as_deref());
        let (before, value) = (previous.value.to_bytes(), event.current.as_ref().map(|entry| entry.value.to_bytes()));
        let (prefix, suffix) = common(&before, value.as_deref().unwrap_or_default());
        put_u32(out, prefix as u32);
        put_u32(out, suffix as u32);
        put_bytes(out, &before[prefix..before.len() - suffix]);
    }
}

/// How many bytes two values share at their start, and how many of the rest at their end.
fn common(a: &[u8], b: &[u8]) -> (usize, usize) {
    let equal = |(x, y): &(&u8, &u8)| x == y;
    let prefix = a.iter().zip(b).take_while(equal).count();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(equal).count();
    (prefix, suffix)
}

pub(crate) fn decode_head(payload: &[u8]) -> Option<(Head, Fields<'_>)> {
    let mut fields = Fields(payload);
    let head = Head {
        revision: Revision(fields.u64()?),
        previous: Revision(fields.u64()?),
        synced: Revision(fields.u64()?),
        time: fields.u64()?,
    };
    Some((head, fields))
}

/// The events of the transaction whose head was `head`, as far as their keys start with `prefix`. `None`: these bytes
/// are no such thing.
pub(crate) fn decode_events(head: &Head, mut fields: Fields<'_>, prefix: &str, pool: &Pool) -> Option<Vec<Arc<Event>>> {
    let count = fields.u32()?;
    let mut events = Vec::new();
    for _ in 0..count {
        let kind = fields.u8()?;
        let key = fields.text()?;
        if key.starts_with(prefix) {
            events.push(Arc::new(decode_event(head.revision, kind, Key::new(key), &mut fields, pool)?));
        } else {
            skip_event(kind, &mut fields)?;
        }
    }
    fields.is_empty().then_some(events)
}

/// Passes over what follows the key.
fn skip_event(kind: u8, fields: &mut Fields<'_>) -> Option<()> {
    match kind {
        PUT => {
            skip_optional(fields)?;
            decode_value(fields)?;
        }
        DELETE => {}
        _ => return None,
    }
    if fields.u8()? == 1 {
        fields.take(16)?;
        skip_optional(fields)?;
        fields.take(8)?;
        fields.bytes()?;
    }
    Some(())
}

fn skip_optional(fields: &mut Fields<'_>) -> Option<()> {
    if fields.u8()? == 1 {
        fields.bytes()?;
    }
    Some(())
}

fn decode_event(revision: Revision, kind: u8, key: Key, fields: &mut Fields<'_>, pool: &Pool) -> Option<Event> {
    let put = match kind {
        PUT => {
            let tag = fields.optional()?;
            Some((tag, decode_value(fields)?))
        }
        DELETE => None,
        _ => return None,
    };
    let value = put.as_ref().map_or(&[][..], |(_, value)| value);
    let previous = match fields.u8()? {
        0 => None,
        1 => Some(Arc::new(decode_previous(&key, value, fields, pool)?)),
        _ => return None,
    };
    let created = previous.as_ref().map_or(revision, |entry| entry.created);
    let current = put.map(|(tag, value)| Arc::new(Entry::new(key.clone(), revision, created, pool.value(value), tag)));
    Some(Event { revision, key, previous, current })
}

fn decode_previous(key: &Key, value: &[u8], fields: &mut Fields<'_>, pool: &Pool) -> Option<Entry> {
    let revision = Revision(fields.u64()?);
    let created = Revision(fields.u64()?);
    let tag = fields.optional()?;
    let (prefix, suffix) = (fields.u32()? as usize, fields.u32()? as usize);
    let middle = fields.bytes()?;
    let head = value.get(..prefix)?;
    let tail = value.get(value.len().checked_sub(suffix)?..)?;
    let value = pool.value(&[head, middle, tail].concat());
    Some(Entry::new(key.clone(), revision, created, value, tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(revision: u64, value: Vec<u8>, tag: Option<String>) -> Arc<Entry> {
        Arc::new(Entry::new(
            Key::new("pods/default/web"),
            Revision(revision),
            Revision(3),
            bytes::Bytes::from(value),
            tag.map(Arc::from),
        ))
    }

    proptest! {
        #[test]
        fn a_transaction_is_read_as_it_was_written(
            old in proptest::option::of(proptest::collection::vec(0u8..3, 0..20)),
            new in proptest::option::of(proptest::collection::vec(0u8..3, 0..20)),
            tag in proptest::option::of("[a-z]{0,5}"),
        ) {
            let head = Head {
                revision: Revision(if old.is_some() { 9 } else { 3 }),
                previous: Revision(2),
                synced: Revision(1),
                time: 77,
            };
            let event = Arc::new(Event {
                revision: head.revision,
                key: Key::new("pods/default/web"),
                previous: old.map(|value| entry(5, value, None)),
                current: new.map(|value| entry(head.revision.0, value, tag)),
            });
            // Parts that begin and end with the same byte.
            let pool = Pool::new(|bytes| (bytes.len() > 4).then_some(1..3).into_iter().collect());
            let mut bytes = Vec::new();
            encode(&mut bytes, &head, std::slice::from_ref(&event));
            let (found, fields) = decode_head(&bytes).unwrap();
            prop_assert_eq!(found, head);
            let split = split_events(fields.clone()).unwrap();
            prop_assert_eq!(key_of(split[0]), Some("pods/default/web"));
            let mut again = Vec::new();
            encode_raw(&mut again, &head, &split);
            prop_assert_eq!(&again, &bytes);
            prop_assert_eq!(decode_events(&head, fields.clone(), "pods/", &pool).unwrap(), vec![event]);
            prop_assert_eq!(decode_events(&head, fields, "nodes/", &pool).unwrap(), vec![]);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some((head, fields)) = decode_head(&bytes) {
                let _ = decode_events(&head, fields.clone(), "", &Pool::none());
                let _ = decode_events(&head, fields, "no such", &Pool::none());
            }
        }
    }
}
