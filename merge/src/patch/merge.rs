//! JSON merge patch, RFC 7386.

use serde_json::{Map, Value};

/// Merges `patch` into `doc`: objects field by field, `null` removes, everything else replaces. Never fails.
pub fn merge_patch(doc: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut merged = match doc {
        Value::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    for (name, change) in changes {
        if change.is_null() {
            merged.remove(name);
        } else {
            let old = merged.get(name).unwrap_or(&Value::Null);
            let new = merge_patch(old, change);
            merged.insert(name.clone(), new);
        }
    }
    Value::Object(merged)
}
