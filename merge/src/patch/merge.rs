//! JSON merge patch, RFC 7386.

use serde_json::{Map, Value};

/// Merges `patch` into `doc`: objects field by field, `null` removes, everything else replaces. Never fails.
pub fn merge_patch(mut doc: Value, patch: &Value) -> Value {
    merge(&mut doc, patch);
    doc
}

fn merge(doc: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        doc.clone_from(patch);
        return;
    };
    if !doc.is_object() {
        *doc = Value::Object(Map::new());
    }
    let Value::Object(fields) = doc else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}
