//! Where a pod may run: affinity, tolerations and spreading.

use crate::kinds::selectors::{label_selector, node_selector, node_selector_term};
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::of::Errors;
use crate::kinds::checks::{choice, grammar, optional_choice};
use crate::kinds::json;

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

fn weight(term: &Value, path: &Path, errors: &mut Errors) {
    let weight = json::int(term, "weight").unwrap_or(0);
    if !(1..=100).contains(&weight) {
        errors.push(FieldError::invalid(&path.child("weight"), weight, "must be in the range 1-100"));
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
