//! What a pod tolerates.

use super::page::Page;
use super::parts::{list, multiline, text};
use serde_json::Value;

pub fn describe(page: &mut Page, level: usize, tolerations: &Value) {
    let mut sorted: Vec<&Value> = list(tolerations).iter().collect();
    sorted.sort_by_key(|toleration| text(&toleration["key"]));
    multiline(page, level, "Tolerations", sorted.into_iter().map(toleration));
}

/// `key=value:Effect op=Exists for 300s`
fn toleration(toleration: &Value) -> String {
    let (key, value, effect) = (text(&toleration["key"]), text(&toleration["value"]), text(&toleration["effect"]));
    let mut shown = key.to_string();
    if !value.is_empty() {
        shown.push_str(&format!("={value}"));
    }
    if !effect.is_empty() {
        shown.push_str(&format!(":{effect}"));
    }
    if toleration["operator"] == "Exists" && value.is_empty() {
        shown.push_str(if shown.is_empty() { "op=Exists" } else { " op=Exists" });
    }
    if let Some(seconds) = toleration["tolerationSeconds"].as_i64() {
        shown.push_str(&format!(" for {seconds}s"));
    }
    shown
}
