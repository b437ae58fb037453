//! Events as bytes: prefix, object, suffix; or as protobuf, with their length before them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use serde_json::json;
use timonier_api::protobuf::envelope;
use timonier_api::status::Status;
use timonier_store::{Entry, Event, Revision};

use crate::accept::{Encoding, Shape};
use crate::object::Object;
use crate::registry::select::Selection;
use crate::registry::{Call, protobuf, served, shape, table};
use crate::respond;

/// Some events as they are sent.
#[derive(Clone)]
pub struct Changes {
    pub bytes: Bytes,
    /// How many of them this watcher selects.
    pub count: usize,
}

/// What changes mean to a watcher. `header`: whether the next Table must explain its columns.
pub fn changes(
    events: &[Arc<Event>],
    call: &Call,
    selection: &Selection,
    header: &mut bool,
) -> Result<Changes, Status> {
    // About what they take, so that writing them need not move what is written already.
    const AROUND: usize = 96;
    let length = |event: &Event| event.current.as_ref().or(event.previous.as_ref()).map_or(0, |e| e.value.len());
    let mut out = BytesMut::with_capacity(events.iter().map(|event| length(event) + AROUND).sum());
    let mut count = 0;
    for event in events {
        if change(&mut out, call, selection, event, *header)? {
            *header = false;
            count += 1;
        }
    }
    Ok(Changes { bytes: out.freeze(), count })
}

/// Appends what a change means to this watcher: an object that starts or stops matching is ADDED or DELETED.
/// Returns whether anything was appended.
fn change(out: &mut BytesMut, call: &Call, selection: &Selection, event: &Event, header: bool) -> Result<bool, Status> {
    let view = |entry: &Option<Arc<Entry>>| entry.as_deref().map(Object::of).transpose();
    let matching = |object: &Arc<Object>| selection.matches(object);
    let before = view(&event.previous)?.filter(matching);
    let now = view(&event.current)?.filter(matching);
    let (kind, object) = match (&before, &now) {
        (None, None) => return Ok(false),
        (None, Some(object)) => ("ADDED", object),
        (Some(_), Some(object)) => ("MODIFIED", object),
        // As it last matched, at the revision of the change.
        (Some(object), None) => ("DELETED", object),
    };
    put_object(out, call, kind, object, event.revision, header)?;
    Ok(true)
}

/// Appends an object that was there when the watch began.
pub fn added(out: &mut BytesMut, call: &Call, object: &Object, header: bool) -> Result<(), Status> {
    put_object(out, call, "ADDED", object, object.revision, header)
}

fn put_object(
    out: &mut BytesMut,
    call: &Call,
    kind: &str,
    object: &Object,
    revision: Revision,
    header: bool,
) -> Result<(), Status> {
    if call.accept.encoding == Encoding::Protobuf && call.accept.shape == Shape::Object {
        put_protobuf(out, kind, &protobuf::object(call, object, revision)?);
        return Ok(());
    }
    if call.accept.encoding != Encoding::Protobuf && shape::is_stored(call) {
        begin(out, kind);
        object.put(out, revision);
        end(out);
        return Ok(());
    }
    put(out, call.accept.encoding, kind, &shape::bytes(call, object, revision, header)?)
}

/// Appends a bookmark: everything up to `revision` has been sent.
pub fn bookmark(out: &mut BytesMut, call: &Call, revision: Revision, initial_events_end: bool) -> Result<(), Status> {
    let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
    if initial_events_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let object = match call.accept.shape {
        Shape::Object | Shape::Partial => {
            let kind = &call.row.kind;
            json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata})
        }
        Shape::Metadata => {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
        }
        // Lists have no annotations: what a bookmark says stands in a row.
        Shape::Table => {
            let row = json!({"cells": call.storage.hooks.cells(&json!({"metadata": metadata}), Timestamp::now()),
                "object": served::metadata_only(&json!({"metadata": metadata}))});
            table::table(call, vec![row], json!({"resourceVersion": revision.to_string()}), false)
        }
    };
    put(out, call.accept.encoding, "BOOKMARK", object.to_string().as_bytes())
}

/// The last event of a watch that cannot go on.
pub fn error(encoding: Encoding, status: &Status) -> Result<Bytes, Status> {
    let mut out = BytesMut::new();
    put(&mut out, encoding, "ERROR", &serde_json::to_vec(status).unwrap_or_default())?;
    Ok(out.freeze())
}

/// What a stream of events is called.
pub fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => envelope::WATCH_MEDIA_TYPE,
        Encoding::Json | Encoding::Yaml => Encoding::Json.content_type(),
    }
}

fn put_protobuf(out: &mut BytesMut, kind: &str, object: &[u8]) {
    let mut event = vec![];
    envelope::put_event(&mut event, kind, object);
    out.put_slice(&event);
}

fn put(out: &mut BytesMut, encoding: Encoding, kind: &str, object: &[u8]) -> Result<(), Status> {
    if encoding == Encoding::Protobuf {
        put_protobuf(out, kind, &respond::protobuf(object)?);
        return Ok(());
    }
    out.reserve(object.len() + 40);
    begin(out, kind);
    out.put_slice(object);
    end(out);
    Ok(())
}

fn begin(out: &mut BytesMut, kind: &str) {
    out.put_slice(b"{\"type\":\"");
    out.put_slice(kind.as_bytes());
    out.put_slice(b"\",\"object\":");
}

fn end(out: &mut BytesMut) {
    out.put_slice(b"}\n");
}
