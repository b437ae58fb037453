//! Tables: what `kubectl get` prints.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::Revision;

use super::{Call, shape};
use crate::kinds::Column;
use crate::object::Object;

/// The row of one object. What it carries of the object is the client's choice (`includeObject`).
pub fn row(call: &Call, object: &Object, revision: Revision) -> Result<Value, Status> {
    let stored = object.value_at(revision)?;
    let cells = call.storage.hooks.cells(&stored, Timestamp::now());
    let mut row = json!({"cells": cells});
    match call.query.get("includeObject") {
        Some("None") => {}
        Some("Object") => row["object"] = shape::served_value(call, object, revision)?,
        _ => row["object"] = shape::metadata_only(&stored),
    }
    Ok(row)
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
