//! ReplicaSet: so many pods of one template.

use jiff::Timestamp;
use serde_json::{Map, Value};
use timonier_api::field::{FieldError, Path};

use super::{Column, Hooks, json, metadata, workload};

pub struct ReplicaSet;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::integer("Desired"),
    Column::integer("Current"),
    Column::integer("Ready"),
    Column::AGE,
    Column::wide("Containers"),
    Column::wide("Images"),
    Column::wide("Selector"),
];

/// Of its replicas, how many are so far.
pub const COUNTS: [&str; 3] = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];

impl Hooks for ReplicaSet {
    fn default(&self, o: &mut Value) {
        if let Some(spec) = json::object_mut(o, "spec") {
            workload::default(spec);
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        // The count is never absent: clients that wait for it read 0.
        let status = Map::from_iter([("replicas".to_owned(), Value::from(0))]);
        json::set(o, "status", status);
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        workload::validate(json::get(o, "spec"), &Path::new("spec"), "deployment", &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        workload::validate_update(new, old)
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        workload::validate_status(new, &COUNTS)
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        let replicas = workload::count(json::get(o, "status"), "replicas");
        vec![("status.replicas", replicas.to_string())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let mut cells = vec![
            metadata::name(o).into(),
            workload::count(spec, "replicas").into(),
            workload::count(status, "replicas").into(),
            workload::count(status, "readyReplicas").into(),
            metadata::age(o, now).into(),
        ];
        cells.extend(workload::wide_cells(spec));
        cells
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        workload::warnings(o)
    }
}
