//! Objects in the shape that a client asked for: whole, as a Table, some fields, or metadata alone.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::Revision;

use super::{Call, protobuf, table};
use crate::accept::{Encoding, Shape};
use crate::object::Object;
use crate::respond;

/// The response that holds one object.
pub fn one(call: &Call, code: StatusCode, object: &Object) -> Result<Response, Status> {
    if call.accept.encoding == Encoding::Protobuf && call.accept.shape == Shape::Object {
        let body = protobuf::object(call, object, object.revision)?;
        return Ok(respond::typed(code, Encoding::Protobuf.content_type(), body.into()));
    }
    let body = bytes(call, object, object.revision, true)?;
    Ok(respond::bytes(code, call.accept.encoding, body))
}

/// Whether objects are served as they are stored, but for their revision.
pub fn is_stored(call: &Call) -> bool {
    call.accept.shape == Shape::Object && !call.row.converts()
}

/// An object's JSON at a revision, in the shape asked for. `header`: whether a Table explains its columns.
pub fn bytes(call: &Call, object: &Object, revision: Revision, header: bool) -> Result<Bytes, Status> {
    match call.accept.shape {
        Shape::Object if !call.row.converts() => Ok(object.at_revision(revision)),
        Shape::Object => Ok(served_value(call, object, revision)?.to_string().into()),
        Shape::Partial => Ok(partial(call, served_value(call, object, revision)?).to_string().into()),
        Shape::Metadata if !call.row.converts() => Ok(cut_metadata(&object.at_revision(revision))?),
        Shape::Metadata => Ok(metadata_only(&served_value(call, object, revision)?).to_string().into()),
        Shape::Table => {
            let row = table::row(call, object, revision)?;
            let metadata = json!({"resourceVersion": revision.to_string()});
            Ok(table::table(call, vec![row], metadata, header).to_string().into())
        }
    }
}

/// The decoded object as this path serves it.
pub fn served_value(call: &Call, object: &Object, revision: Revision) -> Result<Value, Status> {
    let mut value = object.value_at(revision)?;
    if call.row.converts() {
        call.row.hooks.to_served(&mut value);
    }
    Ok(value)
}

fn partial(call: &Call, object: Value) -> Value {
    match &call.projection {
        Some(projection) => projection.of(object),
        None => object,
    }
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

/// A `PartialObjectMetadata`.
pub fn metadata_only(object: &Value) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
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
