//! HorizontalPodAutoscaler: as many pods as metrics ask for.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use super::reference::reference;
use super::{behavior, faces, metrics, targets};
use crate::kinds::checks::not_negative;
use crate::kinds::{Column, Hooks, json, metadata, workload};

/// The version that clients see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Face {
    V1,
    V2,
}

pub struct HorizontalPodAutoscaler {
    pub face: Face,
}

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Reference"),
    Column::text("Targets"),
    Column::text("MinPods"),
    Column::text("MaxPods"),
    Column::text("Replicas"),
    Column::AGE,
];

/// The share of its CPU that a pod is to use, in percent, where nothing else is asked for.
const DEFAULT_UTILIZATION: i64 = 80;

impl Hooks for HorizontalPodAutoscaler {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        json::fill(spec, "minReplicas", 1);
        if json::list(spec, "metrics").is_empty() {
            let target = json!({"type": "Utilization", "averageUtilization": DEFAULT_UTILIZATION});
            json::set(spec, "metrics", json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
        }
        behavior::default(spec);
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", json!({"desiredReplicas": 0, "currentMetrics": null}));
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        let (least, most) = (json::int(spec, "minReplicas"), json::int(spec, "maxReplicas").unwrap_or(0));
        if let Some(least) = least.filter(|least| *least < 1) {
            let detail = "must be greater than or equal to 1";
            errors.push(FieldError::invalid(&path.child("minReplicas"), least, detail));
        }
        if most < 1 {
            errors.push(FieldError::invalid(&path.child("maxReplicas"), most, "must be greater than 0"));
        }
        if least.is_some_and(|least| most < least) {
            let detail = "must be greater than or equal to `minReplicas`";
            errors.push(FieldError::invalid(&path.child("maxReplicas"), most, detail));
        }
        reference(json::get(spec, "scaleTargetRef"), &path.child("scaleTargetRef"), &mut errors);
        metrics::validate(spec, &path.child("metrics"), &mut errors);
        behavior::validate(json::get(spec, "behavior"), &path.child("behavior"), &mut errors);
        errors
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let counts = ["currentReplicas", "desiredReplicas"];
        not_negative(json::get(new, "status"), &counts, &Path::new("status"), &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let target = json::get(spec, "scaleTargetRef");
        let least = json::int(spec, "minReplicas").map_or("<unset>".to_owned(), |least| least.to_string());
        vec![
            metadata::name(o).into(),
            format!("{}/{}", json::text(target, "kind"), json::text(target, "name")).into(),
            targets::words(spec, status).into(),
            least.into(),
            workload::count(spec, "maxReplicas").into(),
            workload::count(status, "currentReplicas").into(),
            metadata::age(o, now).into(),
        ]
    }

    fn to_storage(&self, o: &mut Value) {
        if self.face == Face::V1 {
            faces::to_v2(o);
        }
    }

    fn to_served(&self, o: &mut Value) {
        if self.face == Face::V1 {
            faces::to_v1(o);
        }
    }
}

#[cfg(test)]
#[path = "hpa_tests.rs"]
mod tests;
