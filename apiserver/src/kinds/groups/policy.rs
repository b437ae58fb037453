//! `policy`: PodDisruptionBudget, how many pods of an application may be missing at a time.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use crate::kinds::Subresource::Status;
use crate::kinds::checks::{not_negative, optional_choice};
use crate::kinds::selectors::label_selector;
use crate::kinds::spec::Spec;
use crate::kinds::workload::{at_most_all, number_or_percent};
use crate::kinds::{Column, Hooks, json, metadata, workload};

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Min Available"),
    Column::text("Max Unavailable"),
    Column::integer("Allowed Disruptions"),
    Column::AGE,
];

const COUNTS: [&str; 4] = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];

pub fn specs() -> Vec<Spec> {
    vec![Spec {
        group: "policy",
        package: "policy",
        short_names: &["pdb"],
        columns: COLUMNS,
        subresources: &[Status],
        generations: true,
        ..Spec::core("PodDisruptionBudget", "poddisruptionbudgets", PodDisruptionBudget)
    }]
}

pub struct PodDisruptionBudget;

impl Hooks for PodDisruptionBudget {
    fn prepare_create(&self, o: &mut Value) {
        let counts = COUNTS.iter().map(|count| ((*count).to_owned(), Value::from(0)));
        json::set(o, "status", counts.collect::<serde_json::Map<_, _>>());
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        if json::has(spec, "minAvailable") && json::has(spec, "maxUnavailable") {
            let detail = "minAvailable and maxUnavailable cannot be both set";
            errors.push(FieldError::invalid(&path, spec.clone(), detail));
        }
        for field in ["minAvailable", "maxUnavailable"] {
            number_or_percent(json::get(spec, field), &path.child(field), &mut errors);
            at_most_all(json::get(spec, field), &path.child(field), &mut errors);
        }
        let policies = ["AlwaysAllow", "IfHealthyBudget"];
        optional_choice(spec, "unhealthyPodEvictionPolicy", &policies, &path, &mut errors);
        label_selector(json::get(spec, "selector"), &path.child("selector"), &mut errors);
        errors
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        not_negative(json::get(new, "status"), &COUNTS, &Path::new("status"), &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let spec = json::get(o, "spec");
        let share = |field| match json::get(spec, field) {
            Value::Null => "N/A".to_owned(),
            Value::String(share) => share.clone(),
            number => number.to_string(),
        };
        vec![
            metadata::name(o).into(),
            share("minAvailable").into(),
            share("maxUnavailable").into(),
            json!(workload::count(json::get(o, "status"), "disruptionsAllowed")),
            metadata::age(o, now).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::groups::faults_of;

    #[test]
    fn each_fault_names_its_field() {
        for (spec, expected) in [
            (json!({"minAvailable": 1, "selector": {}}), vec![]),
            (json!({"maxUnavailable": "30%"}), vec![]),
            (
                json!({"minAvailable": 1, "maxUnavailable": 1}),
                vec![
                    "spec: Invalid value: {\"maxUnavailable\":1,\"minAvailable\":1}: minAvailable and maxUnavailable \
                    cannot be both set",
                ],
            ),
            (
                json!({"minAvailable": -1}),
                vec!["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"],
            ),
            (
                json!({"maxUnavailable": "101%"}),
                vec!["spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"],
            ),
            (
                json!({"unhealthyPodEvictionPolicy": "Never"}),
                vec![
                    "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\": supported values: \"AlwaysAllow\", \
                    \"IfHealthyBudget\"",
                ],
            ),
        ] {
            assert_eq!(faults_of(&PodDisruptionBudget, &json!({ "spec": spec })), expected);
        }
        let negative = json!({"status": {"disruptionsAllowed": -1}});
        assert_eq!(PodDisruptionBudget.validate_status_update(&negative, &json!({})).len(), 1);
    }

    #[test]
    fn it_is_shown_as_kubectl_shows_it() {
        let o = json!({"metadata": {"name": "web"}, "spec": {"maxUnavailable": "30%"}, "status": {"disruptionsAllowed": 2}});
        let cells = PodDisruptionBudget.cells(&o, Timestamp::UNIX_EPOCH);
        assert_eq!(Value::from(cells), json!(["web", "N/A", "30%", 2, "<unknown>"]));
    }
}
