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

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use timonier_api::protobuf::Message;
use timonier_api::status::Status;
use timonier_store::{Entry, Revision};

pub use index::Index;

use crate::kinds::Row;

/// Header byte of a value that is plain JSON.
const PLAIN_JSON: u8 = 1;
const FIXED: usize = 9;

/// A decoded entry: the index, and the served bytes, made once.
pub struct Object {
    pub index: Index,
    pub revision: Revision,
    json: Bytes,
    splice: usize,
    served: OnceLock<Bytes>,
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
    pub fn decode(stored: &Bytes, revision: Revision) -> Result<Arc<Object>, String> {
        if stored.first() != Some(&PLAIN_JSON) {
            return Err(match stored.first() {
                Some(header) => format!("the value has the unknown header {header}"),
                None => "the value is empty".to_string(),
            });
        }
        let number = |at: usize| {
            let bytes = stored.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        let (Some(length), Some(splice)) = (number(1), number(5)) else {
            return Err("the value is cut short".to_string());
        };
        if stored.len() < FIXED + length || stored.len() - FIXED - length < splice {
            return Err("the value is cut short".to_string());
        }
        let index = Index::decode(&stored[FIXED..FIXED + length])?;
        Ok(Arc::new(Object {
            index,
            revision,
            json: stored.slice(FIXED + length..),
            splice,
            served: OnceLock::new(),
            protobuf: OnceLock::new(),
        }))
    }

    /// The JSON that clients see, `resourceVersion` included.
    pub fn served(&self) -> &Bytes {
        self.served.get_or_init(|| self.at_revision(self.revision))
    }

    /// The protobuf that clients see, without an envelope; `message` is that of the stored kind.
    pub fn protobuf(&self, message: &'static Message) -> Result<&Bytes, Status> {
        if let Some(made) = self.protobuf.get() {
            return Ok(made);
        }
        let made = message.encode(self.served()).map_err(Status::internal)?;
        Ok(self.protobuf.get_or_init(|| made.into()))
    }

    /// The same with another revision: a deleted object carries the revision of its deletion.
    ///
    /// Revision 0 is that of an object that was not stored (a dry run), and is not shown.
    pub fn at_revision(&self, revision: Revision) -> Bytes {
        if revision.0 == 0 {
            return self.json.clone();
        }
        let mut out = BytesMut::with_capacity(self.json.len() + 44);
        out.put_slice(&self.json[..self.splice]);
        out.put_slice(b"\"resourceVersion\":\"");
        out.put_slice(revision.to_string().as_bytes());
        out.put_slice(b"\",");
        out.put_slice(&self.json[self.splice..]);
        out.freeze()
    }

    /// The object without `resourceVersion`, decoded.
    pub fn stored_value(&self) -> Result<Value, Status> {
        serde_json::from_slice(&self.json).map_err(Status::internal)
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

/// The stored form of an object (in its storage version). Any `resourceVersion` in it is left out.
pub fn encode(object: &Value, row: &Row) -> Result<Bytes, Status> {
    let index = Index::of(object, row).encode();
    let mut out = Vec::with_capacity(FIXED + index.len() + 512);
    out.put_u8(PLAIN_JSON);
    out.put_u32_le(index.len() as u32);
    out.put_u32_le(0);
    out.extend_from_slice(&index);
    let start = out.len();
    let splice = write_json(&mut out, object).map_err(Status::internal)? - start;
    out[5..FIXED].copy_from_slice(&(splice as u32).to_le_bytes());
    Ok(Bytes::from(out))
}

/// Writes the object and returns the position just behind `"metadata":{`.
fn write_json(out: &mut Vec<u8>, object: &Value) -> Result<usize, String> {
    let fields = object.as_object().ok_or("the object is not a JSON object")?;
    let mut splice = None;
    out.push(b'{');
    for (position, (key, value)) in fields.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, key).map_err(|e| e.to_string())?;
        out.push(b':');
        if key != "metadata" {
            serde_json::to_writer(&mut *out, value).map_err(|e| e.to_string())?;
            continue;
        }
        let metadata = value.as_object().ok_or("metadata is not a JSON object")?;
        out.push(b'{');
        splice = Some(out.len());
        let mut first = true;
        for (key, value) in metadata.iter().filter(|(key, _)| *key != "resourceVersion") {
            if !first {
                out.push(b',');
            }
            first = false;
            serde_json::to_writer(&mut *out, key).map_err(|e| e.to_string())?;
            out.push(b':');
            serde_json::to_writer(&mut *out, value).map_err(|e| e.to_string())?;
        }
        if first {
            return Err("metadata is empty".to_string());
        }
        out.push(b'}');
    }
    out.push(b'}');
    splice.ok_or_else(|| "the object has no metadata".to_string())
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
        let read = Object::decode(&stored, Revision(12)).expect("decodes");
        let served: Value = serde_json::from_slice(read.served()).expect("is JSON");
        let mut expected = object.clone();
        expected["metadata"]["resourceVersion"] = json!("12");
        assert_eq!(served, expected);
        assert_eq!(read.value().ok(), Some(expected));
        assert_eq!((&*read.index.name, &*read.index.namespace), ("c", "n"));
        assert_eq!(read.index.labels.get("x").map(String::as_str), Some("y"));
    }

    #[test]
    fn a_damaged_value_is_an_error_and_never_a_panic() {
        let table = Table::builtin();
        let row = table.by_plural("", "v1", "configmaps").expect("configmaps are built in");
        let object = json!({"metadata": {"name": "c", "labels": {"x": "y"}}});
        let stored = encode(&object, row).expect("encodes");
        for length in 0..stored.len().min(60) {
            let _ = Object::decode(&stored.slice(..length), Revision(1));
        }
        assert!(Object::decode(&Bytes::from_static(b"\x09rest"), Revision(1)).is_err());
    }
}
