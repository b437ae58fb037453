//! `list`: a collection at one revision, in pages when asked for.

pub mod page;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http::{StatusCode, header};
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::{ReadError, Revision, Snapshot};

use super::call::{Call, parse_revision};
use super::past::{at, at_error};
use super::select::Selection;
use super::{protobuf, shape, table};
use crate::accept::{Encoding, Shape};
use crate::object::Object;
use crate::reading::read_error;
use crate::respond;
use page::{Page, Token};

/// How much of a list is written at once, in bytes: what stays in the processor's cache until it is encrypted.
const CHUNK: usize = 64 << 10;

pub async fn list(call: &mut Call) -> Result<Response, Status> {
    let selection = Selection::read(call)?;
    let limit = usize::try_from(call.query.integer("limit")?.unwrap_or(0))
        .map_err(|_| Status::bad_request("limit must not be negative"))?;
    let (snapshot, after) = moment(call, &selection, limit).await?;
    let page = page::take(&snapshot, &selection, after.as_deref(), limit)?;
    answer(call, snapshot.revision(), page)
}

/// The state to list, and the key after which to begin.
async fn moment(call: &Call, selection: &Selection, limit: usize) -> Result<(Snapshot, Option<String>), Status> {
    let store = &call.app.store;
    let revision = parse_revision(call.query.get("resourceVersion"))?;
    let matching = call.query.get("resourceVersionMatch");
    if let Some(token) = call.query.get("continue") {
        if revision.is_some_and(|r| r.0 != 0) {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        return resume(call, selection, Token::parse(token)?).await;
    }
    let snapshot = match (revision, matching) {
        (None, _) => call.fresh().await?,
        (Some(Revision(0)), _) => store.snapshot(),
        (Some(revision), Some("Exact")) => at(call, revision, &selection.prefix).await?,
        // Without a match rule, a page at a revision means that very revision.
        (Some(revision), None) if limit > 0 => at(call, revision, &selection.prefix).await?,
        (Some(revision), _) => store.wait_for(revision).await.map_err(|error| at_error(revision, error))?,
    };
    Ok((snapshot, None))
}

/// The snapshot that a continue token belongs to.
async fn resume(call: &Call, selection: &Selection, token: Token) -> Result<(Snapshot, Option<String>), Status> {
    // A token that was offered with an expired one goes on at the newest state.
    let Some(revision) = token.revision else {
        return Ok((call.fresh().await?, Some(token.after)));
    };
    match call.app.store.at_prefix(revision, &selection.prefix).await {
        Ok(snapshot) => Ok((snapshot, Some(token.after))),
        Err(ReadError::Compacted { .. }) => Err(token.expired()),
        Err(error) => Err(read_error(error)),
    }
}

/// The list at a revision, in the shape asked for.
pub fn answer(call: &Call, revision: Revision, page: Page) -> Result<Response, Status> {
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(after) = &page.next {
        metadata["continue"] = Token::at(revision, after).to_string().into();
        if let Some(remaining) = page.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    if call.accept.shape == Shape::Table {
        let rows: Result<Vec<Value>, Status> =
            page.objects.iter().map(|object| table::row(call, object, object.revision)).collect();
        let table = table::table(call, rows?, metadata, true);
        return Ok(respond::value(StatusCode::OK, call.accept.encoding, &table));
    }
    let whole = call.accept.shape == Shape::Object && !call.row.converts();
    if whole && call.accept.encoding == Encoding::Protobuf {
        return protobuf::list(call, &metadata, &page.objects);
    }
    let kind = &call.row.kind;
    let (api_version, list_kind) = match call.accept.shape {
        Shape::Metadata => ("meta.k8s.io/v1".to_string(), "PartialObjectMetadataList".to_string()),
        _ => (kind.api_version(), format!("{}List", kind.kind)),
    };
    let head =
        format!("{{\"kind\":\"{list_kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[");
    if whole && call.accept.encoding == Encoding::Json {
        return Ok(joined(head, page.objects));
    }
    let mut body = BytesMut::from(head.as_bytes());
    for (position, object) in page.objects.iter().enumerate() {
        if position > 0 {
            body.put_u8(b',');
        }
        body.put_slice(&shape::bytes(call, object, object.revision, false)?);
    }
    body.put_slice(b"]}");
    Ok(respond::bytes(StatusCode::OK, call.accept.encoding, body.freeze()))
}

/// The list as bytes joined by commas, written as the client takes it.
fn joined(head: String, objects: Vec<Arc<Object>>) -> Response {
    let commas = objects.len().saturating_sub(1);
    let length = head.len() + objects.iter().map(|object| object.served_len()).sum::<usize>() + commas + "]}".len();
    let mut pending = BytesMut::with_capacity(CHUNK.min(length));
    pending.put_slice(head.as_bytes());
    let mut objects = objects.into_iter();
    let mut first = true;
    let mut rest = length;
    let chunks = std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        while let Some(object) = objects.as_slice().first() {
            if !pending.is_empty() && pending.len() + object.served_len() >= CHUNK {
                break;
            }
            if !std::mem::replace(&mut first, false) {
                pending.put_u8(b',');
            }
            object.put(&mut pending, object.revision);
            objects.next();
        }
        if objects.as_slice().is_empty() {
            pending.put_slice(b"]}");
        }
        rest -= pending.len();
        let next = BytesMut::with_capacity(CHUNK.min(rest));
        Some(Ok::<Bytes, Infallible>(std::mem::replace(&mut pending, next).freeze()))
    });
    let body = Body::from_stream(stream::iter(chunks));
    let mut response = respond::typed(StatusCode::OK, Encoding::Json.content_type(), body);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}
