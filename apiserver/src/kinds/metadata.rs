//! `metadata`, which every kind shares: what may stand in it, and what an update may change.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::FieldError;

use super::Row;

/// `metadata.name`, or nothing.
pub fn name(o: &Value) -> &str {
    o["metadata"]["name"].as_str().unwrap_or("")
}

/// Time since creation as kubectl shows it.
pub fn age(_o: &Value, _now: Timestamp) -> String {
    String::new()
}

/// Puts everything but `status` back to what it was (a status update may also change managedFields).
pub fn keep_all_but_status(new: &mut Value, old: &Value) {
    let (Some(new), Some(old)) = (new.as_object_mut(), old.as_object()) else {
        return;
    };
    new.retain(|key, _| key == "status" || old.contains_key(key));
    let managed = new.get_mut("metadata").and_then(|m| m.get_mut("managedFields")).map(Value::take);
    for (key, value) in old {
        if key != "status" {
            new.insert(key.clone(), value.clone());
        }
    }
    if let Some(managed) = managed
        && let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("managedFields".to_owned(), managed);
    }
}

/// What is wrong with a new object's metadata.
pub fn validate(_o: &Value, _row: &Row) -> Vec<FieldError> {
    vec![]
}

/// What is wrong with a changed object's metadata.
pub fn validate_update(_new: &Value, _old: &Value) -> Vec<FieldError> {
    vec![]
}
