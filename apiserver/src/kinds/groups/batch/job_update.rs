//! What may change in a job and in its status.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use crate::kinds::checks::not_negative;
use crate::kinds::{json, metadata, workload};

/// Where a job's pods may go can still be said before any has started.
const PLACEMENT: [&str; 4] = ["nodeSelector", "affinity", "tolerations", "schedulingGates"];

/// What a changed job may not change.
pub fn validate(new: &Value, old: &Value) -> Vec<FieldError> {
    let waits = json::flag(json::get(old, "spec"), "suspend") && !json::has(json::get(old, "status"), "startTime");
    let (new, old, path) = (json::get(new, "spec"), json::get(old, "spec"), Path::new("spec"));
    let mut errors = vec![];
    completions(new, old, &path, &mut errors);
    let mut immutable = |field: &'static str, new: &Value, old: &Value| {
        if !json::equivalent(new, old) {
            errors.push(metadata::immutable(&path.child(field), new));
        }
    };
    for field in
        ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    {
        immutable(field, json::get(new, field), json::get(old, field));
    }
    let (template, mut allowed) = (json::get(new, "template"), json::get(old, "template").clone());
    if waits {
        allow_placement(template, &mut allowed);
    }
    immutable("template", template, &allowed);
    errors
}

/// An indexed job may be given another size as a whole.
fn completions(new: &Value, old: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if json::same(new, old, "completions") {
        return;
    }
    let (completions, path) = (json::get(new, "completions"), path.child("completions"));
    let counted = json::has(new, "completions") && json::has(old, "completions");
    if json::text(new, "completionMode") != "Indexed" || !counted {
        errors.push(metadata::immutable(&path, completions));
    } else {
        let in_tandem = |spec| json::int(spec, "completions") == json::int(spec, "parallelism");
        if !in_tandem(new) || !in_tandem(old) {
            let detail = "can only be modified in tandem with parallelism";
            errors.push(FieldError::invalid(&path, completions.clone(), detail));
        }
    }
}

fn allow_placement(wanted: &Value, allowed: &mut Value) {
    if let Some(pod) = allowed.get_mut("spec") {
        for field in PLACEMENT {
            json::set(pod, field, json::at(wanted, &["spec", field]).clone());
        }
    }
    if let Some(meta) = json::object_mut(allowed, "metadata") {
        for field in ["annotations", "labels"] {
            json::set(meta, field, json::at(wanted, &["metadata", field]).clone());
        }
    }
}

/// What a changed status may not say.
pub fn validate_status(new: &Value, old: &Value) -> Vec<FieldError> {
    let (status, path) = (json::get(new, "status"), Path::new("status"));
    let mut errors = vec![];
    not_negative(status, &["active", "succeeded", "failed", "ready", "terminating"], &path, &mut errors);
    let (complete, failed) = (is(new, "Complete"), is(new, "Failed"));
    let conditions = path.child("conditions");
    let shown = || Value::from(json::list(status, "conditions").to_vec());
    if complete && failed {
        errors.push(FieldError::invalid(&conditions, shown(), "cannot set Complete=True and Failed=true conditions"));
    }
    if complete && is(new, "FailureTarget") {
        let detail = "cannot set Complete=True and FailureTarget=true conditions";
        errors.push(FieldError::invalid(&conditions, shown(), detail));
    }
    for end in ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"] {
        if is(old, end) && !is(new, end) {
            errors.push(FieldError::invalid(&conditions, shown(), "cannot disable a terminal job condition"));
        }
    }
    let time = |field| json::has(status, field);
    if time("completionTime") && !complete {
        let detail = "cannot set completionTime when there is no Complete=True condition";
        errors.push(FieldError::invalid(
            &path.child("completionTime"),
            json::get(status, "completionTime").clone(),
            detail,
        ));
    }
    if complete && !time("completionTime") {
        errors
            .push(FieldError::required(&path.child("completionTime"), "completionTime is required for Complete jobs"));
    }
    let active = workload::count(status, "active");
    if (complete || failed) && active > 0 {
        errors.push(FieldError::invalid(&path.child("active"), active, "active>0 is invalid for finished job"));
    }
    errors
}

/// Whether a job's status has this condition.
pub fn is(job: &Value, condition: &str) -> bool {
    let conditions = json::list(json::get(job, "status"), "conditions").iter();
    conditions.filter(|c| json::text(c, "type") == condition).any(|c| json::text(c, "status") == "True")
}
