//! ConfigMap: keys and values that pods read.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Column, Hooks, json, metadata};

/// Most bytes of all values together, for ConfigMaps and Secrets.
pub const MAX_SIZE: usize = 1 << 20;

pub struct ConfigMap;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::integer("Data"), Column::AGE];

impl Hooks for ConfigMap {
    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let mut size = 0;
        for (key, value) in json::texts(o, "data") {
            check_key("data", key, &mut errors);
            if json::map(o, "binaryData").is_some_and(|binary| binary.contains_key(key)) {
                let path = Path::new("data").key(key);
                errors.push(FieldError::invalid(&path, key, "duplicate of key present in binaryData"));
            }
            size += value.len();
        }
        for (key, value) in json::texts(o, "binaryData") {
            check_key("binaryData", key, &mut errors);
            size += decoded_length(value);
        }
        if size > MAX_SIZE {
            errors.push(FieldError::too_long(&Path::new(""), MAX_SIZE));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        frozen(new, old, &["data", "binaryData"])
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let count = |field| json::map(o, field).map_or(0, |map| map.len());
        vec![metadata::name(o).into(), (count("data") + count("binaryData")).into(), metadata::age(o, now).into()]
    }
}

/// A key is a file's name.
pub fn check_key(field: &'static str, key: &str, errors: &mut Vec<FieldError>) {
    for message in names::config_map_key(key) {
        errors.push(FieldError::invalid(&Path::new(field).key(key), key, message));
    }
}

/// Bytes that a base64 text stands for.
pub fn decoded_length(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

/// What an `immutable` object may not change any more.
pub fn frozen(new: &Value, old: &Value, fields: &[&'static str]) -> Vec<FieldError> {
    let mut errors = vec![];
    if !json::flag(old, "immutable") {
        return errors;
    }
    let detail = "field is immutable when `immutable` is set";
    if !json::flag(new, "immutable") {
        errors.push(FieldError::forbidden(&Path::new("immutable"), detail));
    }
    for field in fields {
        if !json::same(new, old, field) {
            errors.push(FieldError::forbidden(&Path::new(field), detail));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_file_names_and_values_fit_a_mebibyte() {
        let faults = |o: Value| ConfigMap.validate(&o).iter().map(|e| e.to_string()).collect::<Vec<_>>();
        assert!(faults(json!({"data": {"a.b": "x".repeat(MAX_SIZE)}})).is_empty());
        assert_eq!(
            faults(json!({"data": {"a": "x".repeat(MAX_SIZE)}, "binaryData": {"b": "eHg="}})),
            [": Too long: may not be more than 1048576 bytes"]
        );
        assert!(
            faults(json!({"data": {"a/b": ""}}))[0]
                .starts_with("data[a/b]: Invalid value: \"a/b\": a valid config key")
        );
        assert_eq!(
            faults(json!({"data": {"a": ""}, "binaryData": {"a": ""}})),
            ["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"]
        );
    }

    #[test]
    fn what_is_immutable_stays() {
        let old = json!({"immutable": true, "data": {"a": "b"}});
        assert!(ConfigMap.validate_update(&old, &old).is_empty());
        let found = ConfigMap.validate_update(&json!({"data": {"a": "c"}}), &old);
        let found: Vec<String> = found.iter().map(|e| e.to_string()).collect();
        assert_eq!(
            found,
            [
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set"
            ]
        );
        assert!(ConfigMap.validate_update(&json!({"immutable": true}), &json!({"data": {"a": ""}})).is_empty());
    }

    #[test]
    fn all_keys_are_counted() {
        let o = json!({"metadata": {"name": "c"}, "data": {"a": ""}, "binaryData": {"b": "", "c": ""}});
        assert_eq!(ConfigMap.cells(&o, Timestamp::UNIX_EPOCH)[1], json!(3));
    }
}
