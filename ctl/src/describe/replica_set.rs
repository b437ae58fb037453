//! A ReplicaSet.

use super::page::Page;
use super::parts::{self, text};
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
    let in_phase = |phase: &str| subject.pods.iter().filter(|pod| text(&pod["status"]["phase"]) == phase).count();
    page.field(
        0,
        "Pods Status",
        format!(
            "{} Running / {} Waiting / {} Succeeded / {} Failed",
            in_phase("Running"),
            in_phase("Pending"),
            in_phase("Succeeded"),
            in_phase("Failed")
        ),
    );
    containers::describe_template(page, &set["spec"]["template"]);
    parts::conditions(page, &set["status"]["conditions"]);
}
