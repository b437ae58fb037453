//! Events as bytes: prefix, object, suffix.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;
use timonier_api::status::Status;
use timonier_store::{Entry, Event, Revision};

use crate::accept::Shape;
use crate::object::Object;
use crate::registry::select::Selection;
use crate::registry::{Call, shape};

/// Appends what a change means to this watcher: an object that starts or stops matching is ADDED or DELETED.
/// Returns whether anything was appended.
pub fn change(
    out: &mut BytesMut,
    call: &Call,
    selection: &Selection,
    event: &Event,
    header: bool,
) -> Result<bool, Status> {
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
    put(out, kind, &shape::bytes(call, object, event.revision, header)?);
    Ok(true)
}

/// Appends an object that was there when the watch began.
pub fn added(out: &mut BytesMut, call: &Call, object: &Object, header: bool) -> Result<(), Status> {
    put(out, "ADDED", &shape::bytes(call, object, object.revision, header)?);
    Ok(())
}

/// Appends a bookmark: everything up to `revision` has been sent.
pub fn bookmark(out: &mut BytesMut, call: &Call, revision: Revision, initial_events_end: bool) {
    let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
    if initial_events_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let object = match call.accept.shape {
        Shape::Object => {
            let kind = &call.row.kind;
            json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata})
        }
        Shape::Metadata => {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
        }
        Shape::Table => json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": [], "rows": []}),
    };
    put(out, "BOOKMARK", object.to_string().as_bytes());
}

/// The last event of a watch that cannot go on.
pub fn error(status: &Status) -> Bytes {
    let mut out = BytesMut::new();
    put(&mut out, "ERROR", &serde_json::to_vec(status).unwrap_or_default());
    out.freeze()
}

fn put(out: &mut BytesMut, kind: &str, object: &[u8]) {
    out.reserve(object.len() + 40);
    out.put_slice(b"{\"type\":\"");
    out.put_slice(kind.as_bytes());
    out.put_slice(b"\",\"object\":");
    out.put_slice(object);
    out.put_slice(b"}\n");
}
