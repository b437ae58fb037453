//! Objects in the shape that a client asked for: whole, as a Table, some fields, or metadata alone.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::Revision;

use super::{Call, protobuf, served, table};
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
        Shape::Object => served::bytes(call, object, revision),
        Shape::Partial => Ok(partial(call, served::value(call, object, revision)?).to_string().into()),
        Shape::Metadata => served::metadata(call, object, revision),
        Shape::Table => {
            let row = table::row(call, object, revision)?;
            let metadata = json!({"resourceVersion": revision.to_string()});
            Ok(table::table(call, vec![row], metadata, header).to_string().into())
        }
    }
}

fn partial(call: &Call, object: Value) -> Value {
    match &call.projection {
        Some(projection) => projection.of(object),
        None => object,
    }
}
