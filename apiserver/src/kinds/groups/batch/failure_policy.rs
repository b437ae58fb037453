//! `spec.podFailurePolicy` of a job: what a failed pod means.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{choice, grammar};
use crate::kinds::json;

const MAX_RULES: usize = 20;
const MAX_CODES: usize = 255;
const MAX_CONDITIONS: usize = 20;

/// Checks it in the job's spec at `path`.
pub fn validate(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let policy = json::get(spec, "podFailurePolicy");
    if !policy.is_object() {
        return;
    }
    let restart = json::text(json::at(spec, &["template", "spec"]), "restartPolicy");
    if restart != "Never" {
        let path = path.child("template").child("spec").child("restartPolicy");
        let detail = "only \"Never\" is supported when podFailurePolicy is specified";
        errors.push(FieldError::invalid(&path, restart, detail));
    }
    let (rules, path) = (json::list(policy, "rules"), path.child("podFailurePolicy").child("rules"));
    if rules.len() > MAX_RULES {
        errors.push(FieldError::too_many(&path, rules.len(), MAX_RULES));
        return;
    }
    for (i, rule) in rules.iter().enumerate() {
        self::rule(rule, spec, &path.index(i), errors);
    }
}

fn rule(rule: &Value, spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    choice(rule, "action", &["Count", "FailIndex", "FailJob", "Ignore"], path, errors);
    if json::text(rule, "action") == "FailIndex" && !json::has(spec, "backoffLimitPerIndex") {
        let detail = "requires the backoffLimitPerIndex to be set";
        errors.push(FieldError::invalid(&path.child("action"), "FailIndex", detail));
    }
    let (codes, conditions) = (json::get(rule, "onExitCodes"), json::list(rule, "onPodConditions"));
    match (codes.is_object(), !conditions.is_empty()) {
        (true, true) => {
            let detail = "specifying both OnExitCodes and OnPodConditions is not supported";
            errors.push(FieldError::invalid_as_a_whole(path, detail));
        }
        (false, false) => {
            let detail = "specifying one of OnExitCodes and OnPodConditions is required";
            errors.push(FieldError::invalid_as_a_whole(path, detail));
        }
        _ => {}
    }
    if codes.is_object() {
        exit_codes(codes, spec, &path.child("onExitCodes"), errors);
    }
    let path = path.child("onPodConditions");
    if conditions.len() > MAX_CONDITIONS {
        errors.push(FieldError::too_many(&path, conditions.len(), MAX_CONDITIONS));
        return;
    }
    for (i, condition) in conditions.iter().enumerate() {
        let (kind, path) = (json::text(condition, "type"), path.index(i));
        grammar(kind, names::qualified_name(kind), &path.child("type"), errors);
        choice(condition, "status", &["False", "True", "Unknown"], &path, errors);
    }
}

fn exit_codes(codes: &Value, spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    choice(codes, "operator", &["In", "NotIn"], path, errors);
    let pod = json::at(spec, &["template", "spec"]);
    if json::has(codes, "containerName") {
        let name = json::text(codes, "containerName");
        let known = ["containers", "initContainers"].iter().any(|list| json::named(pod, list, name).is_object());
        if !known {
            let detail = "must be one of the container or initContainer names in the pod template";
            errors.push(FieldError::invalid(&path.child("containerName"), name, detail));
        }
    }
    let (values, path) = (json::list(codes, "values"), path.child("values"));
    if values.is_empty() {
        errors.push(FieldError::invalid(&path, values.to_vec(), "at least one value is required"));
    } else if values.len() > MAX_CODES {
        errors.push(FieldError::too_many(&path, values.len(), MAX_CODES));
    }
    let numbers: Vec<i64> = values.iter().filter_map(Value::as_i64).collect();
    for (i, number) in numbers.iter().enumerate() {
        if *number == 0 && json::text(codes, "operator") == "In" {
            errors.push(FieldError::invalid(&path.index(i), 0, "must not be 0 for the In operator"));
        }
        if numbers[..i].contains(number) {
            errors.push(FieldError::duplicate(&path.index(i), *number));
        }
    }
    if !numbers.is_sorted() {
        errors.push(FieldError::invalid(&path, values.to_vec(), "must be ordered"));
    }
}
