//! A ReplicaSet.

use super::page::Page;
use super::parts;
use super::{Subject, containers};
use serde_json::Value;

pub fn describe(page: &mut Page, subject: &Subject) {
    let set = &subject.object;
    let count = |value: &Value| value.as_i64().unwrap_or(0);
    parts::name(page, set);
    parts::namespace(page, set);
    page.field(0, "Selector", parts::selector(&set["spec"]["selector"]));
    parts::labels(page, set);
    parts::annotations(page, set);
    parts::controlled_by(page, set);
    let (current, desired) = (count(&set["status"]["replicas"]), count(&set["spec"]["replicas"]));
    page.field(0, "Replicas", format!("{current} current / {desired} desired"));
    parts::pods_status(page, &subject.pods);
    containers::describe_template(page, &set["spec"]["template"]);
    parts::conditions(page, &set["status"]["conditions"]);
}
