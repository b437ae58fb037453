//! Reading and writing `metadata` of a decoded object.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A string of `metadata`; empty when unset.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or("")
}

/// `metadata`, made when it is missing.
pub fn of(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(fields) = object else {
        unreachable!("made an object above");
    };
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(metadata) => metadata,
        _ => unreachable!("made an object above"),
    }
}

pub fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    of(object).insert(field.to_string(), value.into());
}

pub fn remove(object: &mut Value, field: &str) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove(field);
    }
}

/// Makes a field what it is in `from`, absence included.
pub fn copy(object: &mut Value, from: &Value, field: &str) {
    match from["metadata"].get(field) {
        Some(value) => set(object, field, value.clone()),
        None => remove(object, field),
    }
}

pub fn finalizers(object: &Value) -> Vec<String> {
    let Some(list) = object["metadata"]["finalizers"].as_array() else {
        return vec![];
    };
    list.iter().filter_map(|f| f.as_str().map(str::to_string)).collect()
}

pub fn set_finalizers(object: &mut Value, finalizers: Vec<String>) {
    if finalizers.is_empty() {
        remove(object, "finalizers");
    } else {
        set(object, "finalizers", finalizers);
    }
}

pub fn is_deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// A time as `metadata` shows it: RFC 3339, whole seconds, UTC.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
