//! Objects and lists of them as protobuf, made from the bytes that are served as JSON and shared like those.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http::{StatusCode, header};
use serde_json::Value;
use timonier_api::protobuf::{Message, envelope, wire};
use timonier_api::status::Status;
use timonier_store::Revision;

use super::Call;
use super::served;
use crate::accept::Encoding;
use crate::object::Object;
use crate::respond;

/// Fields of every list: `metadata` and `items`.
const LIST_META: u32 = 1;
const ITEMS: u32 = 2;
/// How much of a list is written at once, in bytes.
const CHUNK: usize = 64 << 10;

/// One object for the wire, at a revision.
pub fn object(call: &Call, object: &Object, revision: Revision) -> Result<Vec<u8>, Status> {
    let kind = &call.row.kind;
    let message = message(call)?;
    let api_version = kind.api_version();
    if call.row.converts() || revision != object.revision {
        let json = served::bytes(call, object, revision)?;
        let raw = message.encode(&json).map_err(Status::internal)?;
        return Ok(envelope::wrap(&api_version, &kind.kind, &raw));
    }
    Ok(envelope::wrap(&api_version, &kind.kind, object.protobuf(message)?))
}

/// A list of stored objects, written as the client takes it.
pub fn list(call: &Call, metadata: &Value, objects: &[Arc<Object>]) -> Result<Response, Status> {
    let kind = &call.row.kind;
    let message = message(call)?;
    let items: Vec<Bytes> = objects.iter().map(|o| o.protobuf(message).cloned()).collect::<Result<_, _>>()?;
    let list_meta = Message::of("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta")
        .ok_or_else(|| Status::internal("ListMeta has no protobuf"))?
        .encode(metadata.to_string().as_bytes())
        .map_err(Status::internal)?;
    let length = wire::bytes_length(LIST_META, list_meta.len())
        + items.iter().map(|item| wire::bytes_length(ITEMS, item.len())).sum::<usize>();
    let mut head = envelope::begin(&kind.api_version(), &kind.list_kind(), length);
    wire::put_bytes(&mut head, LIST_META, &list_meta);
    let length = head.len() - wire::bytes_length(LIST_META, list_meta.len()) + length + envelope::END.len();
    let mut response = respond::typed(StatusCode::OK, Encoding::Protobuf.content_type(), chunks(head, items));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

fn chunks(head: Vec<u8>, items: Vec<Bytes>) -> Body {
    let mut pending = BytesMut::from(&head[..]);
    let mut items = items.into_iter();
    let mut done = false;
    let chunks = std::iter::from_fn(move || {
        if done {
            return None;
        }
        for item in items.by_ref() {
            let mut before = Vec::with_capacity(8);
            wire::put_tag(&mut before, ITEMS, wire::BYTES);
            wire::put_varint(&mut before, item.len() as u64);
            pending.put_slice(&before);
            pending.put_slice(&item);
            if pending.len() >= CHUNK {
                return Some(Ok::<Bytes, Infallible>(pending.split().freeze()));
            }
        }
        done = true;
        pending.put_slice(envelope::END);
        Some(Ok(pending.split().freeze()))
    });
    Body::from_stream(stream::iter(chunks))
}

fn message(call: &Call) -> Result<&'static Message, Status> {
    let definition = &call.row.kind.definition;
    Message::of(definition).ok_or_else(|| Status::internal(format!("{definition} has no protobuf")))
}
