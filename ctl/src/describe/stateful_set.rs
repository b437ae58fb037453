//! A StatefulSet.

use super::page::Page;
use super::parts::{self, list, or_none, text};
use super::{Subject, containers};
use serde_json::Value;

pub fn describe(page: &mut Page, subject: &Subject) {
    let set = &subject.object;
    let (spec, status) = (&set["spec"], &set["status"]);
    let count = |value: &Value| value.as_i64().unwrap_or(0);
    parts::name(page, set);
    parts::namespace(page, set);
    parts::created(page, set);
    page.field(0, "Selector", parts::selector(&spec["selector"]));
    parts::labels(page, set);
    parts::annotations(page, set);
    let (desired, total) = (count(&spec["replicas"]), count(&status["replicas"]));
    page.field(0, "Replicas", format!("{desired} desired | {total} total"));
    page.field(0, "Update Strategy", text(&spec["updateStrategy"]["type"]));
    let rolling = &spec["updateStrategy"]["rollingUpdate"];
    if rolling.is_object() {
        page.field(1, "Partition", count(&rolling["partition"]).to_string());
    }
    parts::pods_status(page, &subject.pods);
    containers::describe_template(page, &spec["template"]);
    claims(page, list(&spec["volumeClaimTemplates"]));
}

fn claims(page: &mut Page, templates: &[Value]) {
    if templates.is_empty() {
        page.field(0, "Volume Claims", "<none>");
        return;
    }
    page.line(0, "Volume Claims:");
    for template in templates {
        page.field(1, "Name", text(&template["metadata"]["name"]));
        page.field(1, "StorageClass", text(&template["spec"]["storageClassName"]));
        parts::map(page, 1, "Labels", &template["metadata"]["labels"]);
        parts::annotations_at(page, 1, &template["metadata"]["annotations"]);
        let capacity = text(&template["spec"]["resources"]["requests"]["storage"]);
        page.field(1, "Capacity", if capacity.is_empty() { "<default>".to_owned() } else { capacity.to_owned() });
        let modes: Vec<&str> = list(&template["spec"]["accessModes"]).iter().map(text).collect();
        page.field(1, "Access Modes", or_none(format!("[{}]", modes.join(" "))));
    }
}
