//! Objects as a path serves them, in JSON: what all encodings and shapes are made from.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::Revision;

use super::Call;
use crate::object::Object;

/// The object's JSON at a revision: as it is stored, unless this is another face of it.
pub fn bytes(call: &Call, object: &Object, revision: Revision) -> Result<Bytes, Status> {
    if call.row.converts() {
        return Ok(value(call, object, revision)?.to_string().into());
    }
    Ok(object.at_revision(revision))
}

/// The decoded object as this path serves it.
pub fn value(call: &Call, object: &Object, revision: Revision) -> Result<Value, Status> {
    let mut value = object.value_at(revision)?;
    if call.row.converts() {
        call.row.hooks.to_served(&mut value);
    }
    Ok(value)
}

/// A `PartialObjectMetadata`.
pub fn metadata_only(object: &Value) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
}

/// An object's metadata alone.
pub fn metadata(call: &Call, object: &Object, revision: Revision) -> Result<Bytes, Status> {
    if call.row.converts() {
        return Ok(metadata_only(&value(call, object, revision)?).to_string().into());
    }
    cut_metadata(&object.at_revision(revision))
}

/// A `PartialObjectMetadata`, cut out of an object's JSON without decoding it.
fn cut_metadata(object: &[u8]) -> Result<Bytes, Status> {
    #[derive(Deserialize)]
    struct Cut<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let broken = |error| Status::internal(format!("a stored object is no JSON: {error}"));
    let metadata = serde_json::from_slice::<Cut>(object).map_err(broken)?.metadata.get();
    let (before, after) = (r#"{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":"#, "}");
    Ok([before, metadata, after].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_cut_out_as_it_stands() {
        let object =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"}": "\""}}, "spec": {}});
        let cut = cut_metadata(object.to_string().as_bytes()).expect("cut");
        assert_eq!(serde_json::from_slice::<Value>(&cut).expect("JSON"), metadata_only(&object));
        assert!(cut_metadata(b"{}").is_err());
    }
}
