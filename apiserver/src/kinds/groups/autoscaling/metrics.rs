//! What an autoscaler looks at: `spec.metrics`.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::quantity::Quantity;

use super::reference::reference;
use crate::kinds::checks::grammar;
use crate::kinds::json;
use crate::kinds::selectors::label_selector;

/// The types of metrics, and the field that each fills.
pub const SOURCES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

pub fn validate(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (i, metric) in json::list(spec, "metrics").iter().enumerate() {
        self::metric(metric, &path.index(i), errors);
    }
}

fn metric(metric: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let given = json::text(metric, "type");
    if given.is_empty() {
        errors.push(FieldError::required(&path.child("type"), "must specify a metric source type"));
    }
    let Some((_, expected)) = SOURCES.iter().find(|(name, _)| *name == given) else {
        let known = SOURCES.map(|(name, _)| name);
        errors.push(FieldError::not_supported(&path.child("type"), given, &known));
        return;
    };
    let source = json::get(metric, expected);
    if source.is_object() {
        self::source(given, source, &path.child(expected), errors);
    } else {
        let detail = "must populate information for the given metric source";
        errors.push(FieldError::required(&path.child(expected), detail));
    }
    for (_, other) in SOURCES.iter().filter(|(_, field)| field != expected && json::has(metric, field)) {
        errors.push(FieldError::forbidden(&path.child(other), "must populate the given metric source only"));
    }
}

fn source(kind: &str, source: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (target, target_path) = (json::get(source, "target"), path.child("target"));
    let (value, average) = (json::has(target, "value"), json::has(target, "averageValue"));
    let utilization = json::has(target, "averageUtilization");
    let required = |field, detail: &str, errors: &mut Vec<FieldError>| {
        errors.push(FieldError::required(&target_path.child(field), detail));
    };
    if kind == "Object" {
        reference(json::get(source, "describedObject"), &path.child("describedObject"), errors);
    }
    if matches!(kind, "Object" | "Pods" | "External") {
        identifier(json::get(source, "metric"), &path.child("metric"), errors);
    } else {
        let mut named = |field, detail| {
            if json::text(source, field).is_empty() {
                errors.push(FieldError::required(&path.child(field), detail));
            }
        };
        named("name", "must specify a resource name");
        if kind == "ContainerResource" {
            named("container", "must specify a container");
        }
    }
    self::target(target, &target_path, errors);
    match kind {
        "Object" if !value && !average => {
            required("averageValue", "must set either a target value or averageValue", errors);
        }
        "Object" if value && average => {
            let detail = "may not set both a target value and averageValue";
            errors.push(FieldError::forbidden(&target_path.child("averageValue"), detail));
        }
        "Pods" if !average => required("averageValue", "must specify a positive target averageValue", errors),
        "External" if !value && !average => {
            required("averageValue", "must set either a target value for metric or a per-pod target", errors);
        }
        "External" if value && average => {
            let detail = "may not set both a target value for metric and a per-pod target";
            errors.push(FieldError::forbidden(&target_path.child("value"), detail));
        }
        "Resource" | "ContainerResource" if !utilization && !average => {
            required("averageUtilization", "must set either a target raw value or a target utilization", errors);
        }
        "Resource" | "ContainerResource" if utilization && average => {
            let detail = "may not set both a target raw value and a target utilization";
            errors.push(FieldError::forbidden(&target_path.child("averageValue"), detail));
        }
        _ => {}
    }
}

fn identifier(metric: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let name = json::text(metric, "name");
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), "must specify a metric name"));
    } else {
        grammar(name, names::path_segment(name), &path.child("name"), errors);
    }
    label_selector(json::get(metric, "selector"), &path.child("selector"), errors);
}

fn target(target: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    match json::text(target, "type") {
        "" => errors.push(FieldError::required(&path.child("type"), "must specify a metric target type")),
        "AverageValue" | "Utilization" | "Value" => {}
        other => {
            let known = ["AverageValue", "Utilization", "Value"];
            errors.push(FieldError::not_supported(&path.child("type"), other, &known));
        }
    }
    for field in ["value", "averageValue"] {
        let Some(text) = json::get(target, field).as_str() else { continue };
        let path = path.child(field);
        match text.parse::<Quantity>() {
            Ok(amount) if amount.is_negative() || amount.is_zero() => {
                errors.push(FieldError::invalid(&path, text, "must be positive"));
            }
            Ok(_) => {}
            Err(error) => errors.push(FieldError::invalid(&path, text, error.to_string())),
        }
    }
    if let Some(n) = json::int(target, "averageUtilization").filter(|n| *n < 1) {
        errors.push(FieldError::invalid(&path.child("averageUtilization"), n, "must be greater than 0"));
    }
}
