//! A Namespace.

use super::page::Page;
use super::parts::{self, list, text};
use serde_json::Value;

pub fn describe(page: &mut Page, namespace: &Value) {
    parts::name(page, namespace);
    parts::labels(page, namespace);
    parts::annotations(page, namespace);
    page.field(0, "Status", text(&namespace["status"]["phase"]));
    let conditions = list(&namespace["status"]["conditions"]);
    if !conditions.is_empty() {
        page.line(0, "Conditions:");
        page.header(1, &["Type", "Status", "LastTransitionTime", "Reason", "Message"]);
        for condition in conditions {
            let time = parts::time(&condition["lastTransitionTime"]);
            let [kind, status, reason, message] =
                ["type", "status", "reason", "message"].map(|field| text(&condition[field]));
            page.line(1, format!("{kind}\t{status}\t{time}\t{reason}\t{message}"));
        }
    }
}
