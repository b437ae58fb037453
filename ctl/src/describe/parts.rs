//! Pieces that the pages of several kinds share.

use super::page::Page;
use crate::print::age;
use serde_json::Value;

/// Annotations longer than this go on lines of their own.
const MAX_ANNOTATION: usize = 140;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Strings as they are, other scalars as JSON, nothing for null.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub fn or_none(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "<none>".into() } else { text }
}

pub fn time(value: &Value) -> String {
    age::rfc1123(value).unwrap_or_else(|| "<unset>".into())
}

/// `True`, `False`
pub fn capitalized(value: &Value) -> &'static str {
    if value == true { "True" } else { "False" }
}

pub fn name(page: &mut Page, object: &Value) {
    page.field(0, "Name", text(&object["metadata"]["name"]));
}

pub fn namespace(page: &mut Page, object: &Value) {
    page.field(0, "Namespace", text(&object["metadata"]["namespace"]));
}

pub fn created(page: &mut Page, object: &Value) {
    page.field(0, "CreationTimestamp", time(&object["metadata"]["creationTimestamp"]));
}

/// The first entry beside the label, each further one under it.
pub fn multiline(page: &mut Page, level: usize, label: &str, entries: impl IntoIterator<Item = String>) {
    let mut entries = entries.into_iter();
    page.field(level, label, entries.next().unwrap_or_else(|| "<none>".into()));
    for entry in entries {
        page.line(level, format!("\t{entry}"));
    }
}

/// `key=value` lines.
pub fn map(page: &mut Page, level: usize, label: &str, map: &Value) {
    let entries = map.as_object().into_iter().flatten();
    multiline(page, level, label, entries.map(|(key, value)| format!("{key}={}", text(value))));
}

pub fn labels(page: &mut Page, object: &Value) {
    map(page, 0, "Labels", &object["metadata"]["labels"]);
}

pub fn annotations(page: &mut Page, object: &Value) {
    annotations_at(page, 0, &object["metadata"]["annotations"]);
}

pub fn annotations_at(page: &mut Page, level: usize, annotations: &Value) {
    let entries = annotations.as_object().into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED);
    let mut lines = Vec::new();
    for (key, value) in entries {
        let value = text(value).trim_end_matches('\n');
        if value.len() + key.len() + 2 > MAX_ANNOTATION || value.contains('\n') {
            lines.push(format!("{key}:"));
            lines.extend(value.split('\n').map(|line| format!("  {}", shortened(line, MAX_ANNOTATION - 2))));
        } else {
            lines.push(format!("{key}: {value}"));
        }
    }
    multiline(page, level, "Annotations", lines);
}

fn shortened(line: &str, most: usize) -> String {
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_string(),
    }
}

/// `Deployment/web`, if a controller owns the object.
pub fn controlled_by(page: &mut Page, object: &Value) {
    let controller = list(&object["metadata"]["ownerReferences"]).iter().find(|owner| owner["controller"] == true);
    if let Some(owner) = controller {
        page.field(0, "Controlled By", format!("{}/{}", text(&owner["kind"]), text(&owner["name"])));
    }
}

/// A label selector on one line: `app=web,env in (a,b)`.
pub fn selector(selector: &Value) -> String {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut terms: Vec<String> = equal.map(|(key, value)| format!("{key}={}", text(value))).collect();
    for expression in list(&selector["matchExpressions"]) {
        let key = text(&expression["key"]);
        let values = list(&expression["values"]).iter().map(text).collect::<Vec<_>>().join(",");
        terms.push(match text(&expression["operator"]) {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_string(),
        });
    }
    or_none(terms.join(","))
}

/// How many of an owner's pods are in each phase.
pub fn pods_status(page: &mut Page, pods: &[Value]) {
    let in_phase = |phase: &str| pods.iter().filter(|pod| text(&pod["status"]["phase"]) == phase).count();
    let [running, waiting, succeeded, failed] = ["Running", "Pending", "Succeeded", "Failed"].map(in_phase);
    let counts = format!("{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed");
    page.field(0, "Pods Status", counts);
}

/// Type, status and reason of each condition, under a header.
pub fn conditions(page: &mut Page, conditions: &Value) {
    if list(conditions).is_empty() {
        return;
    }
    page.line(0, "Conditions:");
    page.header(1, &["Type", "Status", "Reason"]);
    for condition in list(conditions) {
        let cells = ["type", "status", "reason"].map(|field| text(&condition[field]));
        page.line(1, format!("{} \t{}\t{}", cells[0], cells[1], cells[2]));
    }
}
