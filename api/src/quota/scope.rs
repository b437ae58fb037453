//! Which objects a quota with scopes is about.

use serde_json::Value;

use crate::kind::GroupResource;

/// Whether a quota's spec is about this object, as far as scopes go.
pub fn covers(quota: &Value, resource: &GroupResource, object: &Value) -> bool {
    let texts = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let plain =
        texts(&quota["scopes"]).iter().all(|scope| has(scope.as_str().unwrap_or(""), "Exists", &[], resource, object));
    let selected = texts(&quota["scopeSelector"]["matchExpressions"]).iter().all(|requirement| {
        let text = |field: &str| requirement[field].as_str().unwrap_or("");
        has(text("scopeName"), text("operator"), &texts(&requirement["values"]), resource, object)
    });
    plain && selected
}

fn has(scope: &str, operator: &str, values: &[Value], resource: &GroupResource, o: &Value) -> bool {
    let spec = &o["spec"];
    match (&*resource.group, &*resource.resource) {
        ("", "pods") => match scope {
            "Terminating" => spec["activeDeadlineSeconds"].is_number(),
            "NotTerminating" => !spec["activeDeadlineSeconds"].is_number(),
            "BestEffort" => is_best_effort(spec),
            "NotBestEffort" => !is_best_effort(spec),
            "CrossNamespacePodAffinity" => looks_into_other_namespaces(spec),
            "PriorityClass" => compare(spec["priorityClassName"].as_str(), operator, values),
            _ => false,
        },
        ("", "persistentvolumeclaims") if scope == "VolumeAttributesClass" => {
            compare(spec["volumeAttributesClassName"].as_str(), operator, values)
        }
        // No scope is about anything else.
        _ => false,
    }
}

fn compare(value: Option<&str>, operator: &str, values: &[Value]) -> bool {
    let value = value.filter(|value| !value.is_empty());
    let listed = || value.is_some_and(|value| values.iter().any(|one| one == value));
    match operator {
        "In" => listed(),
        "NotIn" => !listed(),
        "DoesNotExist" => value.is_none(),
        _ => value.is_some(),
    }
}

fn is_best_effort(spec: &Value) -> bool {
    let lists = ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array());
    let says = |resources: &Value| {
        ["requests", "limits"].iter().any(|of| ["cpu", "memory"].iter().any(|name| !resources[of][name].is_null()))
    };
    !lists.flatten().any(|container| says(&container["resources"]))
}

fn looks_into_other_namespaces(spec: &Value) -> bool {
    let beyond = |term: &Value| {
        term["namespaces"].as_array().is_some_and(|list| !list.is_empty()) || term["namespaceSelector"].is_object()
    };
    let terms = |list: &Value| list.as_array().cloned().unwrap_or_default();
    ["podAffinity", "podAntiAffinity"].iter().map(|kind| &spec["affinity"][kind]).any(|affinity| {
        terms(&affinity["requiredDuringSchedulingIgnoredDuringExecution"]).iter().any(beyond)
            || terms(&affinity["preferredDuringSchedulingIgnoredDuringExecution"])
                .iter()
                .any(|preferred| beyond(&preferred["podAffinityTerm"]))
    })
}
