//! Any other object: every field, its name in words.

use super::page::Page;
use super::parts;
use serde_json::{Map, Value};

/// Shown in the head, or of no interest.
const SKIPPED_METADATA: &[&str] = &["name", "namespace", "labels", "annotations", "managedFields"];

pub fn describe(page: &mut Page, object: &Value) {
    parts::name(page, object);
    parts::namespace(page, object);
    parts::labels(page, object);
    parts::annotations(page, object);
    let Some(fields) = object.as_object() else { return };
    let mut fields = fields.clone();
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !SKIPPED_METADATA.contains(&key.as_str()));
    }
    describe_fields(page, 0, &fields);
}

fn describe_fields(page: &mut Page, level: usize, fields: &Map<String, Value>) {
    for (key, value) in fields {
        let label = words(key);
        match value {
            Value::Object(fields) => {
                page.line(level, format!("{label}:"));
                describe_fields(page, level + 1, fields);
            }
            Value::Array(items) => {
                page.line(level, format!("{label}:"));
                for item in items {
                    match item {
                        Value::Object(fields) => describe_fields(page, level + 1, fields),
                        scalar => page.line(level + 1, parts::scalar(scalar)),
                    }
                }
            }
            Value::Null => page.field(level, &label, "<nil>"),
            scalar => page.field(level, &label, parts::scalar(scalar)),
        }
    }
}

/// `holderIdentity` is `Holder Identity`; abbreviations stay in capitals.
fn words(key: &str) -> String {
    const ABBREVIATIONS: &[&str] = &["API", "URL", "UID", "OSB", "GUID"];
    if !key.chars().all(char::is_alphanumeric) {
        return key.to_string();
    }
    let chars: Vec<char> = key.chars().collect();
    let mut parts: Vec<String> = Vec::new();
    for (i, &c) in chars.iter().enumerate() {
        let after_lower = i > 0 && c.is_uppercase() && !chars[i - 1].is_uppercase();
        let before_lower = i > 0
            && c.is_uppercase()
            && chars[i - 1].is_uppercase()
            && chars.get(i + 1).is_some_and(|c| c.is_lowercase());
        match parts.last_mut() {
            Some(part) if !after_lower && !before_lower => part.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    let worded = parts.iter().map(|part| {
        let upper = part.to_uppercase();
        if ABBREVIATIONS.contains(&upper.as_str()) {
            return upper;
        }
        let mut chars = part.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    });
    worded.collect::<Vec<_>>().join(" ")
}
