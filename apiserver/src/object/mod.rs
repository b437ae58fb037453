//! Objects are bytes: how an object is stored, and the view of a stored entry that every reader shares.
//!
//! A stored value is
//!
//! ```text
//! header u8 | index length u32 | splice offset u32 | index | JSON without resourceVersion
//! ```
//!
//! (numbers little-endian). The header says encoding, compression and encryption; only plain JSON exists. The index
//! holds what selectors and the garbage collector ask for, so that they need not parse the JSON. The splice offset is
//! where `"resourceVersion":"…",` belongs once the revision is known.

mod index;
pub mod meta;
mod parts;
mod working;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};
use timonier_api::protobuf::Message;
use timonier_api::status::Status;
use timonier_store::{Entry, Revision, Value as Stored};

pub use index::Index;
pub use parts::parts;

use crate::kinds::{Deep, Row};

/// Header byte of a value that is plain JSON.
const PLAIN_JSON: u8 = 1;
const FIXED: usize = 9;
/// The most bytes that a thread keeps to write objects into.
const MOST_SCRATCH: usize = 64 << 10;

/// A view of an entry: its index, and where its JSON is.
pub struct Object {
    pub index: Index,
    pub revision: Revision,
    stored: Stored,
    /// Where the JSON begins in what is stored.
    start: usize,
    /// Where the revision belongs, from there on.
    splice: usize,
    protobuf: OnceLock<Bytes>,
}

impl Object {
    /// The view of an entry of the store, shared by all who read that entry.
    pub fn of(entry: &Entry) -> Result<Arc<Object>, Status> {
        let view = entry.view(|entry| Object::decode(&entry.value, entry.revision));
        match &*view {
            Ok(object) => Ok(object.clone()),
            Err(reason) => Err(Status::internal(format!("{}: {reason}", &*entry.key))),
        }
    }

    /// Reads a stored value.
    pub fn decode(value: &Stored, revision: Revision) -> Result<Arc<Object>, String> {
        // Parts are in the JSON alone.
        let stored = value.head();
        if stored.first() != Some(&PLAIN_JSON) {
            return Err(match stored.first() {
                Some(header) => format!("the value has the unknown header {header}"),
                None => "the value is empty".to_string(),
            });
        }
        let (Some(length), Some(splice)) = (number(&stored, 1), number(&stored, 5)) else {
            return Err("the value is cut short".to_string());
        };
        let start = FIXED + length;
        if stored.len() < start || value.len() - start < splice {
            return Err("the value is cut short".to_string());
        }
        let index = Index::read(stored.slice(FIXED..start))?;
        Ok(Arc::new(Object { index, revision, stored: value.clone(), start, splice, protobuf: OnceLock::new() }))
    }

    /// The JSON that clients see, `resourceVersion` included.
    pub fn served(&self) -> Bytes {
        self.at_revision(self.revision)
    }

    /// How long that is, in bytes.
    pub fn served_len(&self) -> usize {
        self.len() + spliced_len(self.revision)
    }

    /// How long the JSON is without a revision.
    fn len(&self) -> usize {
        self.stored.len() - self.start
    }

    /// The JSON without a revision.
    fn json(&self) -> Bytes {
        self.stored.to_bytes().slice(self.start..)
    }

    /// The same, run by run.
    fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let mut before = self.start;
        self.stored.runs().map(move |run| {
            let (skipped, rest) = run.split_at(before.min(run.len()));
            before -= skipped.len();
            rest
        })
    }

    /// The protobuf that clients see, without an envelope; `message` is that of the stored kind.
    pub fn protobuf(&self, message: &'static Message) -> Result<&Bytes, Status> {
        if let Some(made) = self.protobuf.get() {
            return Ok(made);
        }
        let made = message.encode(&self.served()).map_err(Status::internal)?;
        Ok(self.protobuf.get_or_init(|| made.into()))
    }

    /// The same with another revision: a deleted object carries the revision of its deletion.
    ///
    /// Revision 0 is that of an object that was not stored (a dry run), and is not shown.
    pub fn at_revision(&self, revision: Revision) -> Bytes {
        if revision.0 == 0 {
            return self.json();
        }
        let mut out = BytesMut::with_capacity(self.len() + spliced_len(revision));
        self.put(&mut out, revision);
        out.freeze()
    }

    /// Appends it.
    pub fn put(&self, out: &mut BytesMut, revision: Revision) {
        let mut splice = Some(self.splice).filter(|_| revision.0 != 0);
        for mut run in self.runs() {
            match splice {
                Some(at) if at <= run.len() => {
                    out.put_slice(&run[..at]);
                    run = &run[at..];
                    let mut digits = [0; 20];
                    out.put_slice(BEFORE_REVISION);
                    out.put_slice(decimal(revision.0, &mut digits));
                    out.put_slice(AFTER_REVISION);
                    splice = None;
                }
                Some(at) => splice = Some(at - run.len()),
                None => {}
            }
            out.put_slice(run);
        }
    }

    /// The object without `resourceVersion`, decoded.
    pub fn stored_value(&self) -> Result<Value, Status> {
        serde_json::from_slice(&self.json()).map_err(Status::internal)
    }

    /// The same as writes work on it: each `fieldsV1` of its owners is still text, as `timonier_merge::apply` has it.
    pub fn working_value(&self) -> Result<Value, Status> {
        self.shallow_value(Deep::NOTHING)
    }

    /// The same for a write that leaves these members alone: they are text, too.
    pub fn shallow_value(&self, deep: Deep) -> Result<Value, Status> {
        working::read(&self.json(), deep).map_err(Status::internal)
    }

    /// Whether the object may have a field of this name, at any place: false is certain. A name in quotes does not go beyond
    /// a run.
    pub fn may_have(&self, field: &str) -> bool {
        self.runs().any(|run| memchr::memmem::find(run, field.as_bytes()).is_some())
    }

    /// The object as clients see it, decoded.
    pub fn value(&self) -> Result<Value, Status> {
        self.value_at(self.revision)
    }

    pub fn value_at(&self, revision: Revision) -> Result<Value, Status> {
        let mut value = self.stored_value()?;
        if revision.0 != 0 {
            meta::set(&mut value, "resourceVersion", revision.to_string());
        }
        Ok(value)
    }
}

/// A number of the fixed part of what is stored.
fn number(stored: &[u8], at: usize) -> Option<usize> {
    let bytes = stored.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

const BEFORE_REVISION: &[u8] = b"\"resourceVersion\":\"";
const AFTER_REVISION: &[u8] = b"\",";

/// How much longer an object is with its revision.
fn spliced_len(revision: Revision) -> usize {
    match revision.0.checked_ilog10() {
        Some(power) => BEFORE_REVISION.len() + power as usize + 1 + AFTER_REVISION.len(),
        None => 0,
    }
}

/// A number in digits, without asking for memory: this is done for every object of a list.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// The stored form of an object (in its storage version). Any `resourceVersion` in it is left out.
pub fn encode(object: &Value, row: &Row) -> Result<Bytes, Status> {
    thread_local! {
        /// Kept for its memory: what is stored is a copy that is not a byte too long.
        static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|out| {
        out.clear();
        out.shrink_to(MOST_SCRATCH);
        out.put_u8(PLAIN_JSON);
        out.put_u64_le(0);
        Index::write(out, object, row);
        let start = out.len();
        let splice = write_json(out, object, row.hooks.deep()).map_err(Status::internal)? - start;
        out[1..5].copy_from_slice(&((start - FIXED) as u32).to_le_bytes());
        out[5..FIXED].copy_from_slice(&(splice as u32).to_le_bytes());
        Ok(Bytes::copy_from_slice(out))
    })
}

/// Writes the object and returns the position just behind `"metadata":{`. A string in the place of a deep member is its
/// text.
fn write_json(out: &mut Vec<u8>, object: &Value, deep: Deep) -> Result<usize, String> {
    let fields = object.as_object().ok_or("the object is not a JSON object")?;
    let mut splice = None;
    write_members(out, fields.iter(), |out, key, value| {
        if key != "metadata" {
            return match (deep.of(key), value) {
                ([_, ..], Value::Object(members)) => write_holder(out, members, deep.of(key)),
                _ => write_value(out, value),
            };
        }
        let metadata = value.as_object().ok_or("metadata is not a JSON object")?;
        splice = Some(out.len() + 1);
        let members = metadata.iter().filter(|(key, _)| *key != "resourceVersion");
        let written = write_members(out, members, |out, key, value| match value {
            Value::Array(owners) if key == "managedFields" => write_owners(out, owners),
            _ => write_value(out, value),
        })?;
        if written == 0 { Err("metadata is empty".to_string()) } else { Ok(()) }
    })?;
    splice.ok_or_else(|| "the object has no metadata".to_string())
}

/// Writes an object of which some members may be text.
fn write_holder(out: &mut Vec<u8>, members: &Map<String, Value>, deep: &[&str]) -> Result<(), String> {
    write_members(out, members.iter(), |out, key, value| match value {
        Value::String(text) if deep.contains(&key) => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
        _ => write_value(out, value),
    })?;
    Ok(())
}

/// Writes owners; a `fieldsV1` that is text is that text.
fn write_owners(out: &mut Vec<u8>, owners: &[Value]) -> Result<(), String> {
    out.push(b'[');
    for (position, owner) in owners.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let Value::Object(members) = owner else {
            write_value(out, owner)?;
            continue;
        };
        write_members(out, members.iter(), |out, key, value| match value {
            Value::String(text) if key == "fieldsV1" => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            _ => write_value(out, value),
        })?;
    }
    out.push(b']');
    Ok(())
}

/// Writes an object member by member, and returns how many there were.
fn write_members<'a>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    mut write: impl FnMut(&mut Vec<u8>, &str, &Value) -> Result<(), String>,
) -> Result<usize, String> {
    let mut written = 0;
    out.push(b'{');
    for (key, value) in members {
        if written > 0 {
            out.push(b',');
        }
        written += 1;
        serde_json::to_writer(&mut *out, key).map_err(|e| e.to_string())?;
        out.push(b':');
        write(out, key, value)?;
    }
    out.push(b'}');
    Ok(written)
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), String> {
    serde_json::to_writer(out, value).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Table;
    use serde_json::json;

    #[test]
    fn what_is_stored_comes_back_with_its_revision() {
        let table = Table::builtin();
        let row = table.by_plural("", "v1", "configmaps").expect("configmaps are built in");
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"},
            "metadata": {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"x": "y"}}});
        let stored = encode(&object, row).expect("encodes");
        let read = Object::decode(&stored.clone().into(), Revision(12)).expect("decodes");
        let served: Value = serde_json::from_slice(&read.served()).expect("is JSON");
        for revision in [0, 9, 10, 12, 99, 100, u64::MAX] {
            let read = Object::decode(&stored.clone().into(), Revision(revision)).expect("decodes");
            assert_eq!(read.served().len(), read.served_len(), "{revision}");
        }
        let mut expected = object.clone();
        expected["metadata"]["resourceVersion"] = json!("12");
        assert_eq!(served, expected);
        assert_eq!(read.value().ok(), Some(expected));
        assert_eq!((read.index.name(), read.index.namespace()), ("c", "n"));
        assert_eq!((read.index.label("x"), read.index.label("z")), (Some("y"), None));
    }

    #[test]
    fn a_damaged_value_is_an_error_and_never_a_panic() {
        let table = Table::builtin();
        let row = table.by_plural("", "v1", "configmaps").expect("configmaps are built in");
        let object = json!({"metadata": {"name": "c", "labels": {"x": "y"}}});
        let stored = encode(&object, row).expect("encodes");
        for length in 0..stored.len().min(60) {
            let _ = Object::decode(&stored.slice(..length).into(), Revision(1));
        }
        assert!(Object::decode(&Bytes::from_static(b"\x09rest").into(), Revision(1)).is_err());
    }
}
