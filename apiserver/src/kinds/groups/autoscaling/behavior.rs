//! How fast an autoscaler may go up and down.

use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use crate::kinds::checks::{choice, optional_choice};
use crate::kinds::json;

/// Longest that is looked back for a steadier value, in seconds.
const MAX_WINDOW: i64 = 3600;
/// Longest time that a policy is about, in seconds.
const MAX_PERIOD: i64 = 1800;

/// Whoever gives rules for one direction gets the usual ones for the rest.
pub fn default(spec: &mut Value) {
    let Some(behavior) = spec.get_mut("behavior").filter(|behavior| behavior.is_object()) else {
        return;
    };
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    if let Some(up) = json::object_mut(behavior, "scaleUp") {
        json::fill(up, "stabilizationWindowSeconds", 0);
        json::fill(up, "selectPolicy", "Max");
        json::fill(up, "policies", vec![pods, percent.clone()]);
    }
    if let Some(down) = json::object_mut(behavior, "scaleDown") {
        json::fill(down, "selectPolicy", "Max");
        json::fill(down, "policies", vec![percent]);
    }
}

pub fn validate(behavior: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for direction in ["scaleUp", "scaleDown"] {
        let given = json::get(behavior, direction);
        if given.is_object() {
            rules(given, &path.child(direction), errors);
        }
    }
}

fn rules(rules: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    optional_choice(rules, "selectPolicy", &["Disabled", "Max", "Min"], path, errors);
    bounded(rules, "stabilizationWindowSeconds", 0, MAX_WINDOW, path, errors);
    let (policies, path) = (json::list(rules, "policies"), path.child("policies"));
    if policies.is_empty() {
        errors.push(FieldError::required(&path, "must specify at least one Policy"));
    }
    for (i, policy) in policies.iter().enumerate() {
        let path = path.index(i);
        choice(policy, "type", &["Percent", "Pods"], &path, errors);
        let value = json::int(policy, "value").unwrap_or(0);
        if value <= 0 {
            errors.push(FieldError::invalid(&path.child("value"), value, "must be greater than zero"));
        }
        bounded(policy, "periodSeconds", 1, MAX_PERIOD, &path, errors);
    }
}

fn bounded(o: &Value, field: &'static str, least: i64, most: i64, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child(field);
    match json::int(o, field) {
        Some(n) if n < least => {
            let detail = if least == 0 { "must be greater than or equal to zero" } else { "must be greater than zero" };
            errors.push(FieldError::invalid(&path, n, detail));
        }
        Some(n) if n > most => {
            errors.push(FieldError::invalid(&path, n, format!("must be less than or equal to {most}")));
        }
        None if least > 0 => errors.push(FieldError::invalid(&path, 0, "must be greater than zero")),
        _ => {}
    }
}
