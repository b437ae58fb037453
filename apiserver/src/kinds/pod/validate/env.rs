//! Environment variables and where their values come from.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::of::Errors;
use crate::kinds::checks::{grammar, required_text};
use crate::kinds::json;

/// Fields of a pod that a variable may show.
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Resources of a container that a variable may show.
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];

/// Checks `env` and `envFrom` of the container at `path`.
pub fn env(container: &Value, path: &Path, errors: &mut Errors) {
    let list = path.child("env");
    for (i, variable) in json::list(container, "env").iter().enumerate() {
        let path = list.index(i);
        if required_text(variable, "name", &path, errors) {
            let name = json::text(variable, "name");
            grammar(name, names::env_var_name(name), &path.child("name"), errors);
        }
        if json::has(variable, "valueFrom") {
            value_from(variable, &path.child("valueFrom"), errors);
        }
    }
    let list = path.child("envFrom");
    for (i, source) in json::list(container, "envFrom").iter().enumerate() {
        env_from(source, &list.index(i), errors);
    }
}

fn value_from(variable: &Value, path: &Path, errors: &mut Errors) {
    let source = json::get(variable, "valueFrom");
    let given: Vec<&str> = SOURCES.into_iter().filter(|s| json::has(source, s)).collect();
    if json::has(source, "fieldRef") {
        let field = json::get(source, "fieldRef");
        field_ref(field, &path.child("fieldRef"), &FIELDS, errors);
    }
    if json::has(source, "resourceFieldRef") {
        let field = json::get(source, "resourceFieldRef");
        resource_field_ref(field, &path.child("resourceFieldRef"), errors);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        if json::has(source, name) {
            key_ref(json::get(source, name), &path.child(name), errors);
        }
    }
    if given.is_empty() {
        let detail =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.push(FieldError::invalid(path, "", detail));
    } else if !json::text(variable, "value").is_empty() {
        let detail = "may not be specified when `value` is not empty";
        errors.push(FieldError::invalid(path, "", detail));
    } else if given.len() > 1 {
        let detail = "may not have more than one field specified at a time";
        errors.push(FieldError::invalid(path, "", detail));
    }
}

/// A reference to a field of the pod itself. `supported` are those without a subscript.
pub fn field_ref(field: &Value, path: &Path, supported: &[&str], errors: &mut Errors) {
    required_text(field, "apiVersion", path, errors);
    if !required_text(field, "fieldPath", path, errors) {
        return;
    }
    let value = json::text(field, "fieldPath");
    let path = path.child("fieldPath");
    let subscript = value.strip_suffix("']").and_then(|value| value.split_once("['"));
    match subscript {
        Some(("metadata.annotations", key)) => {
            grammar(key, names::qualified_name(&key.to_lowercase()), &path, errors);
        }
        Some(("metadata.labels", key)) => grammar(key, names::qualified_name(key), &path, errors),
        Some((base, _)) => {
            errors.push(FieldError::invalid(&path, base, "does not support subscript"));
        }
        None if supported.contains(&value) => {}
        None if value.starts_with("metadata.") || value.starts_with("spec.") || value.starts_with("status.") => {
            errors.push(FieldError::not_supported(&path, value, supported));
        }
        None => {
            let detail = format!("error converting fieldPath: field label not supported: {value}");
            errors.push(FieldError::invalid(&path, value, detail));
        }
    }
}

/// A reference to a container's requests or limits.
pub fn resource_field_ref(field: &Value, path: &Path, errors: &mut Errors) {
    if required_text(field, "resource", path, errors) {
        let resource = json::text(field, "resource");
        let huge_pages = resource.split_once('.').is_some_and(|(_, name)| name.starts_with("hugepages-"));
        if !RESOURCES.contains(&resource) && !huge_pages {
            let path = path.child("resource");
            errors.push(FieldError::not_supported(&path, resource, &RESOURCES));
        }
    }
}

fn key_ref(reference: &Value, path: &Path, errors: &mut Errors) {
    required_text(reference, "name", path, errors);
    if required_text(reference, "key", path, errors) {
        let key = json::text(reference, "key");
        grammar(key, names::config_map_key(key), &path.child("key"), errors);
    }
}

fn env_from(source: &Value, path: &Path, errors: &mut Errors) {
    let prefix = json::text(source, "prefix");
    if !prefix.is_empty() {
        grammar(prefix, names::env_var_name(prefix), &path.child("prefix"), errors);
    }
    let given: Vec<&'static str> =
        ["configMapRef", "secretRef"].into_iter().filter(|name| json::has(source, name)).collect();
    for name in &given {
        required_text(json::get(source, name), "name", &path.child(name), errors);
    }
    match given.len() {
        0 => {
            let detail = "must specify one of: `configMapRef` or `secretRef`";
            errors.push(FieldError::invalid(path, "", detail));
        }
        1 => {}
        _ => {
            let detail = "may not have more than one field specified at a time";
            errors.push(FieldError::invalid(path, "", detail));
        }
    }
}
