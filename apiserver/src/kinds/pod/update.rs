//! What may change in a pod once it is there: hardly anything.

use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use crate::kinds::json;

const ONLY_THESE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What a changed pod may not change.
pub fn validate(new: &Value, old: &Value) -> Vec<FieldError> {
    let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
    let path = Path::new("spec");
    let mut errors = vec![];
    for (list, detail) in [
        ("containers", "pod updates may not add or remove containers"),
        ("initContainers", "pod updates may not add or remove containers"),
    ] {
        if json::list(new, list).len() != json::list(old, list).len() {
            errors.push(FieldError::forbidden(&path.child(list), detail));
        }
    }
    if !errors.is_empty() {
        return errors;
    }
    deadline(new, old, &path, &mut errors);
    tolerations(new, old, &path, &mut errors);
    let gated = !json::list(old, "schedulingGates").is_empty();
    gates(new, old, &path, &mut errors);
    if !errors.is_empty() {
        return errors;
    }
    let allowed = with_allowed_changes(new, old, gated);
    if !json::equivalent(&allowed, new) {
        let mut changed = vec![];
        differences(&allowed, new, "spec".to_owned(), &mut changed);
        let detail = format!("{ONLY_THESE}\nchanged: {}", changed.join(", "));
        errors.push(FieldError::forbidden(&path, detail));
    }
    errors
}

/// The old spec with those fields of the new one that may change.
fn with_allowed_changes(new: &Value, old: &Value, gated: bool) -> Value {
    let mut allowed = old.clone();
    for list in ["containers", "initContainers"] {
        for (container, new) in json::list_mut(&mut allowed, list).zip(json::list(new, list)) {
            json::set(container, "image", json::get(new, "image").clone());
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        json::set(&mut allowed, field, json::get(new, field).clone());
    }
    let grace = "terminationGracePeriodSeconds";
    if json::int(old, grace).is_some_and(|n| n < 0) && json::int(new, grace) == Some(1) {
        json::set(&mut allowed, grace, 1);
    }
    // A pod that waits at a gate has not been looked at by the scheduler yet.
    if gated {
        for field in ["nodeSelector", "affinity"] {
            json::set(&mut allowed, field, json::get(new, field).clone());
        }
    }
    allowed
}

/// The paths, as far down as they are known, in which two values differ.
fn differences(a: &Value, b: &Value, path: String, found: &mut Vec<String>) {
    if json::equivalent(a, b) {
        return;
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let (a, b) = (json::get(a, key), json::get(b, key));
                differences(a, b, format!("{path}.{key}"), found);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (a, b)) in x.iter().zip(y).enumerate() {
                differences(a, b, format!("{path}[{i}]"), found);
            }
        }
        _ => found.push(path),
    }
}

/// A deadline may come nearer.
fn deadline(new: &Value, old: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let field = "activeDeadlineSeconds";
    let path = path.child(field);
    match (json::int(old, field), json::int(new, field)) {
        (Some(before), Some(now)) if now > before => {
            let detail = "must be less than or equal to previous value";
            errors.push(FieldError::invalid(&path, now, detail));
        }
        (Some(_), None) => {
            let detail = "must not update from a positive integer to nil value";
            errors.push(FieldError::invalid(&path, Value::Null, detail));
        }
        _ => {}
    }
}

/// Tolerations may be added, and those that are there may change how long they last.
fn tolerations(new: &Value, old: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let lasting = |toleration: &Value| {
        let mut toleration = toleration.clone();
        json::remove(&mut toleration, "tolerationSeconds");
        toleration
    };
    let now: Vec<Value> = json::list(new, "tolerations").iter().map(lasting).collect();
    for before in json::list(old, "tolerations") {
        let before = lasting(before);
        if !now.iter().any(|now| json::equivalent(now, &before)) {
            let detail = "existing toleration can not be modified except its tolerationSeconds";
            errors.push(FieldError::forbidden(&path.child("tolerations"), detail));
            return;
        }
    }
}

/// Gates may only be opened.
fn gates(new: &Value, old: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let before = json::list(old, "schedulingGates");
    let added = json::list(new, "schedulingGates").iter().find(|gate| !before.contains(gate));
    if let Some(gate) = added {
        let name = json::text(gate, "name");
        let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
        errors.push(FieldError::forbidden(&path.child("schedulingGates"), detail));
    }
}

/// What a status update may not say: that a container which ended for good runs again. Init containers are not asked:
/// a new sandbox runs them again.
pub fn validate_status(new: &Value, old: &Value) -> Vec<FieldError> {
    let spec = json::get(old, "spec");
    let (new, old) = (json::get(new, "status"), json::get(old, "status"));
    let mut errors = vec![];
    for (i, status) in json::list(new, "containerStatuses").iter().enumerate() {
        let name = json::text(status, "name");
        let ended = json::at(json::named(old, "containerStatuses", name), &["state", "terminated"]);
        if ended.is_object()
            && !restarts(spec, name, json::int(ended, "exitCode").unwrap_or(0))
            && !json::has(json::get(status, "state"), "terminated")
        {
            let path = Path::new("status").child("containerStatuses").index(i).child("state");
            let detail = "may not be transitioned to non-terminated state";
            errors.push(FieldError::forbidden(&path, detail));
        }
    }
    errors
}

/// Whether a container that ended so may be started again. Who has rules of its own is left to the node.
fn restarts(spec: &Value, name: &str, code: i64) -> bool {
    let decoded = match json::get(spec, "containers") {
        Value::String(text) => json!({"containers": serde_json::from_str::<Value>(text).unwrap_or_default()}),
        _ => Value::Null,
    };
    let container = json::named(if decoded.is_null() { spec } else { &decoded }, "containers", name);
    if !json::list(container, "restartPolicyRules").is_empty() {
        return true;
    }
    let policy = match json::text(container, "restartPolicy") {
        "" => json::text(spec, "restartPolicy"),
        own => own,
    };
    match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ended_for_good_stays_so_unless_its_own_policy_restarts_it() {
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]);
        for (policy, own, code, refused) in [
            ("Never", json!({}), 1, true),
            ("OnFailure", json!({}), 1, false),
            ("OnFailure", json!({}), 0, true),
            ("Always", json!({}), 0, false),
            ("Never", json!({"restartPolicy": "Always"}), 0, false),
            ("Always", json!({"restartPolicy": "Never"}), 1, true),
            ("Never", json!({"restartPolicy": "Never", "restartPolicyRules": rules}), 1, false),
        ] {
            let mut container = own.clone();
            container["name"] = "c".into();
            let pod = |state: Value| {
                json!({"spec": {"restartPolicy": policy, "containers": [container.clone()]},
                    "status": {"containerStatuses": [{"name": "c", "state": state}]}})
            };
            let (old, new) = (pod(json!({"terminated": {"exitCode": code}})), pod(json!({"running": {}})));
            assert_eq!(validate_status(&new, &old).len(), usize::from(refused), "{policy} {own} {code}");
            let mut shallow = old.clone();
            shallow["spec"]["containers"] = old["spec"]["containers"].to_string().into();
            assert_eq!(validate_status(&new, &shallow), validate_status(&new, &old));
        }
    }
}
