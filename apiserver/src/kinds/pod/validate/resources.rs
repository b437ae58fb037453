//! Requests and limits.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::quantity::Quantity;

use super::of::Errors;
use crate::kinds::checks::{choice, grammar};
use crate::kinds::json;

/// Checks a container's resources.
pub fn resources(resources: &Value, path: &Path, errors: &mut Errors) {
    let (limits, requests) = (path.child("limits"), path.child("requests"));
    for (name, amount) in amounts(resources, "limits", &limits, errors) {
        resource_name(name, amount, &limits.key(name), errors);
    }
    let limits = json::get(resources, "limits");
    for (name, amount) in amounts(resources, "requests", &requests, errors) {
        resource_name(name, amount, &requests.key(name), errors);
        let limit = json::text(limits, name).parse::<Quantity>();
        match limit {
            Ok(limit) if amount > limit => {
                let detail = format!("must be less than or equal to {name} limit of {limit}");
                errors.push(FieldError::invalid(&requests, amount.to_string(), detail));
            }
            Ok(limit) if !may_overcommit(name) && amount != limit => {
                let detail = format!("must be equal to {name} limit of {limit}");
                errors.push(FieldError::invalid(&requests, amount.to_string(), detail));
            }
            Err(_) if !may_overcommit(name) => {
                let detail = "Limit must be set for non overcommitable resources";
                errors.push(FieldError::required(&path.child("limits"), detail));
            }
            _ => {}
        }
    }
}

/// The readable amounts of a map of resources; the others are reported. Negative ones too.
fn amounts<'a>(o: &'a Value, field: &str, path: &Path, errors: &mut Errors) -> Vec<(&'a str, Quantity)> {
    let mut found = vec![];
    for (name, value) in json::map(o, field).into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match text.parse::<Quantity>() {
            Ok(amount) => {
                if amount.is_negative() {
                    let detail = "must be greater than or equal to 0";
                    let error = FieldError::invalid(&path.key(name), text, detail);
                    errors.push(error);
                }
                found.push((name.as_str(), amount));
            }
            Err(error) => {
                errors.push(FieldError::invalid(&path.key(name), text, error.to_string()));
            }
        }
    }
    found
}

fn is_standard(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-")
}

/// Whether requests may differ from limits.
fn may_overcommit(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage")
}

fn resource_name(name: &str, amount: Quantity, path: &Path, errors: &mut Errors) {
    grammar(name, names::qualified_name(name), path, errors);
    if is_standard(name) {
        return;
    }
    if !name.contains('/') {
        let detail = "must be a standard resource for containers";
        errors.push(FieldError::invalid(path, name, "must be a standard resource type or fully qualified"));
        errors.push(FieldError::invalid(path, name, detail));
    } else if !amount.is_integer() {
        errors.push(FieldError::invalid(path, amount.to_string(), "must be an integer"));
    }
}

/// What a change of resources does to a running container.
pub fn resize_policy(container: &Value, list: &Path, errors: &mut Errors) {
    for (i, policy) in json::list(container, "resizePolicy").iter().enumerate() {
        let path = list.index(i);
        choice(policy, "resourceName", &["cpu", "memory"], &path, errors);
        choice(policy, "restartPolicy", &["NotRequired", "RestartContainer"], &path, errors);
    }
}
