//! DaemonSet: a pod of one template on every node that fits.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use crate::kinds::checks::not_negative;
use crate::kinds::workload::{amount, at_most_all, number_or_percent};
use crate::kinds::{Column, Hooks, json, metadata, workload};

pub struct DaemonSet;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::integer("Desired"),
    Column::integer("Current"),
    Column::integer("Ready"),
    Column::integer("Up-to-date"),
    Column::integer("Available"),
    Column::text("Node Selector"),
    Column::AGE,
    Column::wide("Containers"),
    Column::wide("Images"),
    Column::wide("Selector"),
];

/// Counts that a status always has.
const COUNTS: [&str; 4] = ["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"];

impl Hooks for DaemonSet {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        workload::default_template(spec);
        json::fill(spec, "revisionHistoryLimit", 10);
        if let Some(strategy) = json::object_mut(spec, "updateStrategy") {
            json::fill_text(strategy, "type", "RollingUpdate");
            if json::text(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = json::object_mut(strategy, "rollingUpdate")
            {
                json::fill(rolling, "maxUnavailable", 1);
                json::fill(rolling, "maxSurge", 0);
            }
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        let status = COUNTS.iter().map(|count| ((*count).to_owned(), Value::from(0)));
        json::set(o, "status", status.collect::<serde_json::Map<_, _>>());
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        workload::selector(spec, &path, "daemonset", &mut errors);
        let (template, template_path) = (json::get(spec, "template"), path.child("template"));
        workload::matches(template, json::get(spec, "selector"), &template_path, &mut errors);
        workload::pod_template(template, &template_path, &mut errors);
        workload::runs_forever(template, &template_path, "DaemonSet", &mut errors);
        not_negative(spec, &["minReadySeconds", "revisionHistoryLimit"], &path, &mut errors);
        strategy(json::get(spec, "updateStrategy"), &path.child("updateStrategy"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        workload::validate_update(new, old)
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let (status, path) = (json::get(new, "status"), Path::new("status"));
        let mut errors = vec![];
        not_negative(status, &COUNTS, &path, &mut errors);
        let more = ["observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable"];
        not_negative(status, &more, &path, &mut errors);
        workload::collisions(new, old, &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let mut cells: Vec<Value> = vec![metadata::name(o).into()];
        let counts = [
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
        ];
        cells.extend(counts.map(|field| Value::from(workload::count(status, field))));
        let nodes = json::texts(json::at(spec, &["template", "spec"]), "nodeSelector");
        let nodes: Vec<String> = nodes.map(|(key, value)| format!("{key}={value}")).collect();
        cells.push(if nodes.is_empty() { "<none>".to_owned() } else { nodes.join(",") }.into());
        cells.push(metadata::age(o, now).into());
        cells.extend(workload::wide_cells(spec));
        cells
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        workload::warnings(o)
    }
}

fn strategy(strategy: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (rolling, rolling_path) = (json::get(strategy, "rollingUpdate"), path.child("rollingUpdate"));
    match json::text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_object() => errors.push(FieldError::required(&rolling_path, "")),
        "RollingUpdate" => {
            for field in ["maxUnavailable", "maxSurge"] {
                let path = rolling_path.child(field);
                number_or_percent(json::get(rolling, field), &path, errors);
                at_most_all(json::get(rolling, field), &path, errors);
            }
            let (unavailable, surge) = (json::get(rolling, "maxUnavailable"), json::get(rolling, "maxSurge"));
            match (amount(unavailable).unwrap_or(0) != 0, amount(surge).unwrap_or(0) != 0) {
                (true, true) => {
                    let detail = "may not be set when maxUnavailable is non-zero";
                    errors.push(FieldError::invalid(&rolling_path.child("maxSurge"), surge.clone(), detail));
                }
                (false, false) => {
                    let detail = "cannot be 0 when maxSurge is 0";
                    let path = rolling_path.child("maxUnavailable");
                    errors.push(FieldError::invalid(&path, unavailable.clone(), detail));
                }
                _ => {}
            }
        }
        other => {
            let path = path.child("type");
            errors.push(FieldError::not_supported(&path, json!(other), &["RollingUpdate", "OnDelete"]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::groups::faults_of;

    fn agent(more: Value) -> Value {
        let mut o = json!({"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}},
                "spec": {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "c", "image": "a:1"}]}}}});
        for (key, value) in more.as_object().into_iter().flatten() {
            o["spec"][key] = value.clone();
        }
        DaemonSet.default(&mut o);
        o
    }

    #[test]
    fn each_fault_names_its_field() {
        let rolling = |rolling: Value| json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}});
        assert_eq!(faults_of(&DaemonSet, &agent(json!({}))), Vec::<String>::new());
        for (more, expected) in [
            (json!({"selector": null}), "spec.selector: Required value"),
            (json!({"selector": {}}), "spec.selector: Invalid value: {}: empty selector is invalid for daemonset"),
            (
                json!({"selector": {"matchLabels": {"app": "b"}}}),
                "spec.template.metadata.labels: Invalid value: \
                {\"app\":\"a\"}: `selector` does not match template `labels`",
            ),
            (
                rolling(json!({"maxSurge": 1, "maxUnavailable": 1})),
                "spec.updateStrategy.rollingUpdate.maxSurge: \
                Invalid value: 1: may not be set when maxUnavailable is non-zero",
            ),
            (
                rolling(json!({"maxSurge": 0, "maxUnavailable": "0%"})),
                "spec.updateStrategy.rollingUpdate.maxUnavailable: \
                Invalid value: \"0%\": cannot be 0 when maxSurge is 0",
            ),
            (
                rolling(json!({"maxUnavailable": "200%"})),
                "spec.updateStrategy.rollingUpdate.maxUnavailable: \
                Invalid value: \"200%\": must not be greater than 100%",
            ),
            (
                json!({"updateStrategy": {"type": "Now"}}),
                "spec.updateStrategy.type: Unsupported value: \"Now\": \
                supported values: \"RollingUpdate\", \"OnDelete\"",
            ),
            (
                json!({"minReadySeconds": -1}),
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
            ),
        ] {
            assert_eq!(faults_of(&DaemonSet, &agent(more.clone())), [expected], "{more}");
        }
    }

    #[test]
    fn it_is_shown_with_its_counts_and_nodes() {
        let mut o = agent(json!({}));
        o["status"] = json!({"desiredNumberScheduled": 3, "numberReady": 2});
        assert_eq!(
            Value::from(DaemonSet.cells(&o, Timestamp::UNIX_EPOCH)),
            json!(["agent", 3, 0, 2, 0, 0, "disk=ssd", "<unknown>", "c", "a:1", "app=a"])
        );
    }
}
