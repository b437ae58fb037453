//! A DaemonSet.

use super::page::Page;
use super::parts::{self, or_none, text};
use super::{Subject, containers};

pub fn describe(page: &mut Page, subject: &Subject) {
    let set = &subject.object;
    let (spec, status) = (&set["spec"], &set["status"]);
    parts::name(page, set);
    parts::namespace(page, set);
    page.field(0, "Selector", parts::selector(&spec["selector"]));
    let nodes = spec["template"]["spec"]["nodeSelector"].as_object().into_iter().flatten();
    let nodes: Vec<String> = nodes.map(|(key, value)| format!("{key}={}", text(value))).collect();
    page.field(0, "Node-Selector", or_none(nodes.join(",")));
    parts::labels(page, set);
    parts::annotations(page, set);
    // kubectl leaves these out of its columns.
    for (label, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        page.line(0, format!("{label}: {}", status[field].as_i64().unwrap_or(0)));
    }
    parts::pods_status(page, &subject.pods);
    containers::describe_template(page, &spec["template"]);
}
