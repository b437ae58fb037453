//! Deployment: pods of one template, replaced a few at a time when it changes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use timonier_api::field::{FieldError, Path};

use super::workload::{amount, at_most_all, number_or_percent};
use super::{Column, Hooks, json, metadata, workload};
use crate::kinds::checks::not_negative;

pub struct Deployment;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Ready"),
    Column::integer("Up-to-date"),
    Column::integer("Available"),
    Column::AGE,
    Column::wide("Containers"),
    Column::wide("Images"),
    Column::wide("Selector"),
];

impl Hooks for Deployment {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        workload::default(spec);
        json::fill(spec, "revisionHistoryLimit", 10);
        json::fill(spec, "progressDeadlineSeconds", 600);
        if let Some(strategy) = json::object_mut(spec, "strategy") {
            json::fill_text(strategy, "type", "RollingUpdate");
            if json::text(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = json::object_mut(strategy, "rollingUpdate")
            {
                json::fill(rolling, "maxUnavailable", "25%");
                json::fill(rolling, "maxSurge", "25%");
            }
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", Map::new());
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        workload::validate(spec, &path, "deployment", &mut errors);
        strategy(json::get(spec, "strategy"), &path.child("strategy"), &mut errors);
        not_negative(spec, &["revisionHistoryLimit", "progressDeadlineSeconds"], &path, &mut errors);
        let least = json::int(spec, "minReadySeconds").unwrap_or(0);
        if let Some(n) = json::int(spec, "progressDeadlineSeconds").filter(|n| *n <= least) {
            let path = path.child("progressDeadlineSeconds");
            errors.push(FieldError::invalid(&path, n, "must be greater than minReadySeconds"));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        workload::validate_update(new, old)
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let counts = ["updatedReplicas", "readyReplicas", "availableReplicas"];
        let mut errors = workload::validate_status(new, &counts);
        workload::collisions(new, old, &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let (ready, desired) = (workload::count(status, "readyReplicas"), workload::count(spec, "replicas"));
        let mut cells = vec![
            metadata::name(o).into(),
            format!("{ready}/{desired}").into(),
            workload::count(status, "updatedReplicas").into(),
            workload::count(status, "availableReplicas").into(),
            metadata::age(o, now).into(),
        ];
        cells.extend(workload::wide_cells(spec));
        cells
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        workload::warnings(o)
    }
}

fn strategy(strategy: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let rolling = json::get(strategy, "rollingUpdate");
    let rolling_path = path.child("rollingUpdate");
    match json::text(strategy, "type") {
        "RollingUpdate" => {
            for field in ["maxUnavailable", "maxSurge"] {
                number_or_percent(json::get(rolling, field), &rolling_path.child(field), errors);
            }
            let unavailable = json::get(rolling, "maxUnavailable");
            let zero = |value: &Value| amount(value) == Some(0);
            if zero(unavailable) && zero(json::get(rolling, "maxSurge")) {
                let path = rolling_path.child("maxUnavailable");
                let detail = "may not be 0 when `maxSurge` is 0";
                errors.push(FieldError::invalid(&path, unavailable.clone(), detail));
            }
            at_most_all(unavailable, &rolling_path.child("maxUnavailable"), errors);
        }
        "Recreate" if rolling.is_object() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(FieldError::forbidden(&rolling_path, detail));
        }
        "Recreate" => {}
        other => {
            let shown = json!({ "type": other });
            errors.push(FieldError::not_supported(path, shown, &["Recreate", "RollingUpdate"]));
        }
    }
}

#[cfg(test)]
#[path = "deployment_tests.rs"]
mod tests;
