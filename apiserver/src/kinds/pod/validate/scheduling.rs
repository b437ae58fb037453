//! Where a pod may run: affinity, tolerations and spreading.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Errors, choice, grammar, optional_choice};
use crate::kinds::{json, metadata};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks what the scheduler reads in the pod spec at `path`.
pub fn scheduling(spec: &Value, path: &Path, errors: &mut Errors) {
    let affinity = json::get(spec, "affinity");
    let affinity_path = path.child("affinity");
    node_affinity(json::get(affinity, "nodeAffinity"), &affinity_path.child("nodeAffinity"), errors);
    for field in ["podAffinity", "podAntiAffinity"] {
        pod_affinity(json::get(affinity, field), &affinity_path.child(field), errors);
    }
    let list = path.child("tolerations");
    for (i, toleration) in json::list(spec, "tolerations").iter().enumerate() {
        self::toleration(toleration, &list.index(i), errors);
    }
    topology_spread(spec, &path.child("topologySpreadConstraints"), errors);
}

fn node_affinity(affinity: &Value, path: &Path, errors: &mut Errors) {
    if json::has(affinity, REQUIRED) {
        node_selector(json::get(affinity, REQUIRED), &path.child(REQUIRED), errors);
    }
    for (i, term) in json::list(affinity, PREFERRED).iter().enumerate() {
        let path = path.child(PREFERRED).index(i);
        weight(term, &path, errors);
        node_selector_term(json::get(term, "preference"), &path.child("preference"), errors);
    }
}

/// Checks a node selector at `path`.
pub fn node_selector(selector: &Value, path: &Path, errors: &mut Errors) {
    let terms = json::list(selector, "nodeSelectorTerms");
    let path = path.child("nodeSelectorTerms");
    if terms.is_empty() {
        let detail = "must have at least one node selector term";
        errors.push(FieldError::required(&path, detail));
    }
    for (i, term) in terms.iter().enumerate() {
        node_selector_term(term, &path.index(i), errors);
    }
}

fn weight(term: &Value, path: &Path, errors: &mut Errors) {
    let weight = json::int(term, "weight").unwrap_or(0);
    if !(1..=100).contains(&weight) {
        errors.push(FieldError::invalid(&path.child("weight"), weight, "must be in the range 1-100"));
    }
}

fn node_selector_term(term: &Value, path: &Path, errors: &mut Errors) {
    for (i, expression) in json::list(term, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(i);
        node_expression(expression, &path, errors);
        let key = json::text(expression, "key");
        grammar(key, names::qualified_name(key), &path.child("key"), errors);
    }
    for (i, expression) in json::list(term, "matchFields").iter().enumerate() {
        let path = path.child("matchFields").index(i);
        let operator = json::text(expression, "operator");
        if !matches!(operator, "In" | "NotIn") {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(&path.child("operator"), operator, detail));
        } else if json::list(expression, "values").len() != 1 {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(FieldError::required(&path.child("values"), detail));
        }
        let key = json::text(expression, "key");
        if key != "metadata.name" {
            let detail = "not a valid field selector key";
            errors.push(FieldError::invalid(&path.child("key"), key, detail));
        }
    }
}

fn node_expression(expression: &Value, path: &Path, errors: &mut Errors) {
    let values = json::list(expression, "values").len();
    let path_of_values = path.child("values");
    match json::text(expression, "operator") {
        "In" | "NotIn" if values == 0 => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&path_of_values, detail));
        }
        "Exists" | "DoesNotExist" if values > 0 => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&path_of_values, detail));
        }
        "Gt" | "Lt" if values != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(FieldError::required(&path_of_values, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(&path.child("operator"), other, detail));
        }
    }
}

fn pod_affinity(affinity: &Value, path: &Path, errors: &mut Errors) {
    for (i, term) in json::list(affinity, REQUIRED).iter().enumerate() {
        pod_affinity_term(term, &path.child(REQUIRED).index(i), errors);
    }
    for (i, term) in json::list(affinity, PREFERRED).iter().enumerate() {
        let path = path.child(PREFERRED).index(i);
        weight(term, &path, errors);
        pod_affinity_term(json::get(term, "podAffinityTerm"), &path.child("podAffinityTerm"), errors);
    }
}

fn pod_affinity_term(term: &Value, path: &Path, errors: &mut Errors) {
    for field in ["labelSelector", "namespaceSelector"] {
        label_selector(json::get(term, field), &path.child(field), errors);
    }
    for name in json::list(term, "namespaces").iter().filter_map(Value::as_str) {
        grammar(name, names::dns1123_label(name), &path.child("namespaces"), errors);
    }
    let key = json::text(term, "topologyKey");
    let path = path.child("topologyKey");
    if key.is_empty() {
        errors.push(FieldError::required(&path, "can not be empty"));
    } else {
        grammar(key, names::qualified_name(key), &path, errors);
    }
}

/// Checks a label selector (`matchLabels`, `matchExpressions`) at `path`.
pub fn label_selector(selector: &Value, path: &Path, errors: &mut Errors) {
    errors.extend(metadata::validate_labels(selector, "matchLabels", path));
    for (i, expression) in json::list(selector, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(i);
        let values = json::list(expression, "values");
        match json::text(expression, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(&path.child("values"), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let detail = "not a valid selector operator";
                errors.push(FieldError::invalid(&path.child("operator"), other, detail));
            }
        }
        let key = json::text(expression, "key");
        grammar(key, names::qualified_name(key), &path.child("key"), errors);
        for (j, value) in values.iter().filter_map(Value::as_str).enumerate() {
            grammar(value, names::label_value(value), &path.child("values").index(j), errors);
        }
    }
}

/// Checks one toleration at `path`.
pub fn toleration(toleration: &Value, path: &Path, errors: &mut Errors) {
    let (key, operator) = (json::text(toleration, "key"), json::text(toleration, "operator"));
    let (value, effect) = (json::text(toleration, "value"), json::text(toleration, "effect"));
    if !key.is_empty() {
        grammar(key, names::qualified_name(key), &path.child("key"), errors);
    }
    let operator_path = path.child("operator");
    if key.is_empty() && operator != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.push(FieldError::invalid(&operator_path, operator, detail));
    }
    if json::has(toleration, "tolerationSeconds") && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(FieldError::invalid(&path.child("effect"), effect, detail));
    }
    match operator {
        "Equal" | "" => {
            let found = names::label_value(value).join(";");
            if !found.is_empty() {
                errors.push(FieldError::invalid(&operator_path, value, found));
            }
        }
        "Exists" if !value.is_empty() => {
            let detail = "value must be empty when `operator` is 'Exists'";
            errors.push(FieldError::invalid(&operator_path, value, detail));
        }
        "Exists" => {}
        other => errors.push(FieldError::not_supported(&operator_path, other, &["Equal", "Exists"])),
    }
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    optional_choice(toleration, "effect", &effects, path, errors);
}

fn topology_spread(spec: &Value, list: &Path, errors: &mut Errors) {
    let mut seen: Vec<(&str, &str)> = vec![];
    for (i, constraint) in json::list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = list.index(i);
        let skew = json::int(constraint, "maxSkew").unwrap_or(0);
        if skew <= 0 {
            errors.push(FieldError::invalid(&path.child("maxSkew"), skew, "must be greater than zero"));
        }
        let key = json::text(constraint, "topologyKey");
        if key.is_empty() {
            errors.push(FieldError::required(&path.child("topologyKey"), "can not be empty"));
        } else {
            grammar(key, names::qualified_name(key), &path.child("topologyKey"), errors);
        }
        choice(constraint, "whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"], &path, errors);
        let action = json::text(constraint, "whenUnsatisfiable");
        if seen.contains(&(key, action)) {
            let path = path.child("{topologyKey, whenUnsatisfiable}");
            errors.push(FieldError::duplicate(&path, format!("{{{key}, {action}}}")));
        }
        seen.push((key, action));
        label_selector(json::get(constraint, "labelSelector"), &path.child("labelSelector"), errors);
    }
}
