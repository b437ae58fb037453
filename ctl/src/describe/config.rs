//! ConfigMaps and Secrets.

use super::page::Page;
use super::parts::{self, text};
use base64::Engine;
use serde_json::Value;

fn head(page: &mut Page, object: &Value) {
    parts::name(page, object);
    parts::namespace(page, object);
    parts::labels(page, object);
    parts::annotations(page, object);
    page.blank();
}

/// How many bytes a base64 value holds.
fn size(value: &Value) -> usize {
    base64::engine::general_purpose::STANDARD.decode(text(value)).map_or(0, |bytes| bytes.len())
}

pub fn describe_config_map(page: &mut Page, object: &Value) {
    head(page, object);
    page.line(0, "Data\n====");
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        // Tabs of the value are its own, not columns.
        page.line(0, format!("{key}:\n----\n{}\n", text(value).replace('\t', "        ")));
    }
    page.blank();
    page.line(0, "BinaryData\n====");
    for (key, value) in object["binaryData"].as_object().into_iter().flatten() {
        page.line(0, format!("{key}: {} bytes", size(value)));
    }
    page.blank();
}

/// Shows no value, only how long each is.
pub fn describe_secret(page: &mut Page, object: &Value) {
    head(page, object);
    page.field(0, "Type", text(&object["type"]));
    page.blank();
    page.line(0, "Data\n====");
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        page.field(0, key, format!("{} bytes", size(value)));
    }
}
