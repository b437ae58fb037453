//! Tables: what `kubectl get` prints.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::Revision;

use super::{Call, served};
use crate::kinds::Column;
use crate::object::Object;

/// The row of one object. What it carries of the object is the client's choice (`includeObject`).
pub fn row(call: &Call, object: &Object, revision: Revision) -> Result<Value, Status> {
    let stored = object.value_at(revision)?;
    let cells = call.storage.hooks.cells(&stored, today(call));
    let mut row = json!({"cells": cells});
    match call.query.get("includeObject") {
        Some("None") => {}
        Some("Object") => row["object"] = served::value(call, object, revision)?,
        _ => row["object"] = served::metadata_only(&stored),
    }
    Ok(row)
}

/// When ages are told for: of what was, as old as it was then.
fn today(call: &Call) -> Timestamp {
    let then = call.query.get("resourceVersion").filter(|_| call.query.get("resourceVersionMatch") == Some("Exact"));
    let revision = then.and_then(|revision| revision.parse().ok()).map(Revision);
    let moment = revision.and_then(|revision| call.app.store.moment_of(revision));
    moment.and_then(|moment| Timestamp::try_from(moment.time).ok()).unwrap_or_else(Timestamp::now)
}

/// The whole Table; without `header` the columns are not explained again.
pub fn table(call: &Call, rows: Vec<Value>, metadata: Value, header: bool) -> Value {
    let columns: &[Column] = if header { &call.storage.columns } else { &[] };
    let columns: Vec<Value> = columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name, "type": column.type_, "format": column.format,
                "description": column.description, "priority": column.priority,
            })
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns, "rows": rows,
    })
}
