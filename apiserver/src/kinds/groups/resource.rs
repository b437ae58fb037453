//! `resource.k8s.io`: devices, and claims for them. Stored and checked; nobody allocates devices yet.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{grammar, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::metadata::age;
use crate::kinds::selectors::node_selector;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};

const MOST_REQUESTS: usize = 32;
const MOST_SELECTORS: usize = 32;
const MOST_ALTERNATIVES: usize = 8;
const MOST_DEVICES: usize = 128;
const MOST_CONSUMERS: usize = 256;
/// Bytes.
const LONGEST_EXPRESSION: usize = 10 * 1024;
const LONGEST_POOL: usize = 253;
const LONGEST_DRIVER: usize = 63;

const CLAIM_COLUMNS: &[Column] = &[Column::NAME, Column::text("State"), Column::AGE];
const SLICE_COLUMNS: &[Column] =
    &[Column::NAME, Column::text("Node"), Column::text("Driver"), Column::text("Pool"), Column::AGE];

pub fn specs() -> Vec<Spec> {
    let group = |spec| Spec { group: "resource.k8s.io", package: "resource", enforced: false, ..spec };
    vec![
        group(Spec { namespaced: false, generations: true, ..Spec::core("DeviceClass", "deviceclasses", class()) }),
        group(Spec {
            columns: CLAIM_COLUMNS,
            subresources: &[Subresource::Status],
            ..Spec::core("ResourceClaim", "resourceclaims", claim())
        }),
        group(Spec::core("ResourceClaimTemplate", "resourceclaimtemplates", template())),
        group(Spec {
            namespaced: false,
            generations: true,
            columns: SLICE_COLUMNS,
            ..Spec::core("ResourceSlice", "resourceslices", slice())
        }),
    ]
}

fn same_spec(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    if !json::same(new, old, "spec") {
        errors.push(metadata::immutable(&Path::new("spec"), json::get(new, "spec")));
    }
}

fn class() -> Declared {
    Declared {
        validate: |o, errors| {
            let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
            selectors(spec, &path, errors);
            configurations(spec, &path, None, errors);
        },
        ..Declared::NOTHING
    }
}

fn claim() -> Declared {
    Declared {
        status: true,
        default: |o| {
            if let Some(spec) = o.get_mut("spec") {
                default_claim(spec);
            }
        },
        validate: |o, errors| claim_spec(json::get(o, "spec"), &Path::new("spec"), errors),
        validate_update: same_spec,
        validate_status_update: |new, _, errors| {
            let (consumers, path) = (json::list(json::get(new, "status"), "reservedFor"), Path::new("status"));
            let path = path.child("reservedFor");
            if consumers.len() > MOST_CONSUMERS {
                errors.push(FieldError::too_many(&path, consumers.len(), MOST_CONSUMERS));
            }
            let mut seen = BTreeSet::new();
            for (i, consumer) in consumers.iter().enumerate() {
                for field in ["resource", "name", "uid"] {
                    required_text(consumer, field, &path.index(i), errors);
                }
                let uid = json::text(consumer, "uid");
                if !seen.insert(uid) {
                    errors.push(FieldError::duplicate(&path.index(i).child("uid"), uid));
                }
            }
        },
        cells: |o, now| vec![state(o).into(), age(o, now).into()],
        ..Declared::NOTHING
    }
}

fn state(o: &Value) -> String {
    let status = json::get(o, "status");
    let deleted = json::has(json::get(o, "metadata"), "deletionTimestamp");
    let words = [
        (deleted, "deleted"),
        (json::has(status, "allocation"), "allocated"),
        (!json::list(status, "reservedFor").is_empty(), "reserved"),
    ];
    let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    if words.is_empty() { "pending".to_owned() } else { words.join(",") }
}

fn template() -> Declared {
    Declared {
        default: |o| {
            if let Some(spec) = o.pointer_mut("/spec/spec") {
                default_claim(spec);
            }
        },
        validate: |o, errors| {
            let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
            errors.extend(metadata::validate_labels(json::get(spec, "metadata"), "labels", &path.child("metadata")));
            claim_spec(json::get(spec, "spec"), &path.child("spec"), errors);
        },
        validate_update: same_spec,
        ..Declared::NOTHING
    }
}

/// One device of a class, unless a request says how many.
fn default_request(request: &mut Value) {
    json::fill_text(request, "allocationMode", "ExactCount");
    if json::text(request, "allocationMode") == "ExactCount" {
        json::fill_int(request, "count", 1);
    }
}

fn default_claim(spec: &mut Value) {
    let Some(devices) = spec.get_mut("devices") else { return };
    for request in json::list_mut(devices, "requests") {
        if let Some(exactly) = request.get_mut("exactly").filter(|exactly| exactly.is_object()) {
            default_request(exactly);
        }
        json::list_mut(request, "firstAvailable").for_each(default_request);
    }
}

fn claim_spec(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (devices, path) = (json::get(spec, "devices"), path.child("devices"));
    let (requests, at) = (json::list(devices, "requests"), path.child("requests"));
    if requests.len() > MOST_REQUESTS {
        errors.push(FieldError::too_many(&at, requests.len(), MOST_REQUESTS));
    }
    unique(requests, &at, errors);
    for (i, request) in requests.iter().enumerate() {
        self::request(request, &at.index(i), errors);
    }
    let known = request_names(requests);
    let (constraints, at) = (json::list(devices, "constraints"), path.child("constraints"));
    for (i, constraint) in constraints.iter().enumerate() {
        let path = at.index(i);
        refer(constraint, &known, &path, errors);
        let attribute = json::text(constraint, "matchAttribute");
        if attribute.is_empty() && json::text(constraint, "distinctAttribute").is_empty() {
            errors.push(FieldError::required(&path.child("matchAttribute"), ""));
        } else if !attribute.is_empty() && !attribute.contains('/') {
            let detail = "must include domain prefix: must be a fully qualified name";
            errors.push(FieldError::invalid(&path.child("matchAttribute"), attribute, detail));
        }
    }
    configurations(devices, &path, Some(&known), errors);
}

/// Names in a list, each once.
fn unique(items: &[Value], path: &Path, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (i, item) in items.iter().enumerate() {
        let (name, path) = (json::text(item, "name"), path.index(i).child("name"));
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
        } else {
            grammar(name, names::dns1123_label(name), &path, errors);
            if !seen.insert(name) {
                errors.push(FieldError::duplicate(&path, name));
            }
        }
    }
}

/// What constraints and configurations may name: requests, and their alternatives as `request/alternative`.
fn request_names(requests: &[Value]) -> BTreeSet<String> {
    let names = requests.iter().flat_map(|request| {
        let name = json::text(request, "name");
        let parts = json::list(request, "firstAvailable").iter();
        let parts = parts.map(move |part| format!("{name}/{}", json::text(part, "name")));
        std::iter::once(name.to_owned()).chain(parts)
    });
    names.collect()
}

fn refer(o: &Value, known: &BTreeSet<String>, path: &Path, errors: &mut Vec<FieldError>) {
    for (i, name) in json::list(o, "requests").iter().filter_map(Value::as_str).enumerate() {
        if !known.contains(name) {
            let detail =
                "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
            errors.push(FieldError::invalid(&path.child("requests").index(i), name, detail));
        }
    }
}

fn request(request: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let alternatives = json::list(request, "firstAvailable");
    match (json::has(request, "exactly"), alternatives.is_empty()) {
        (false, true) => {
            let detail = "exactly one of `exactly` or `firstAvailable` is required";
            errors.push(FieldError::required(path, detail));
        }
        (true, false) => {
            let detail = "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set";
            errors.push(FieldError::invalid(path, Value::Null, detail));
        }
        (true, true) => wish(json::get(request, "exactly"), &path.child("exactly"), errors),
        (false, false) => {
            let path = path.child("firstAvailable");
            if alternatives.len() > MOST_ALTERNATIVES {
                errors.push(FieldError::too_many(&path, alternatives.len(), MOST_ALTERNATIVES));
            }
            unique(alternatives, &path, errors);
            for (i, alternative) in alternatives.iter().enumerate() {
                wish(alternative, &path.index(i), errors);
            }
        }
    }
}

/// So many devices of a class that fit.
fn wish(wish: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if required_text(wish, "deviceClassName", path, errors) {
        let class = json::text(wish, "deviceClassName");
        grammar(class, names::dns1123_subdomain(class), &path.child("deviceClassName"), errors);
    }
    selectors(wish, path, errors);
    let (count, at) = (json::int(wish, "count").unwrap_or(0), path.child("count"));
    match json::text(wish, "allocationMode") {
        "All" if count != 0 => {
            errors.push(FieldError::invalid(&at, count, "must not be specified when allocationMode is 'All'"));
        }
        "ExactCount" if count <= 0 => errors.push(FieldError::invalid(&at, count, "must be greater than zero")),
        "All" | "ExactCount" => {}
        other => {
            errors.push(FieldError::not_supported(&path.child("allocationMode"), other, &["All", "ExactCount"]));
        }
    }
}

fn selectors(o: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (selectors, path) = (json::list(o, "selectors"), path.child("selectors"));
    if selectors.len() > MOST_SELECTORS {
        errors.push(FieldError::too_many(&path, selectors.len(), MOST_SELECTORS));
    }
    for (i, selector) in selectors.iter().enumerate() {
        let path = path.index(i).child("cel");
        if !json::has(selector, "cel") {
            errors.push(FieldError::required(&path, ""));
            continue;
        }
        let expression = json::text(json::get(selector, "cel"), "expression");
        if expression.is_empty() {
            errors.push(FieldError::required(&path.child("expression"), ""));
        } else if expression.len() > LONGEST_EXPRESSION {
            errors.push(FieldError::too_long(&path.child("expression"), LONGEST_EXPRESSION));
        }
    }
}

fn driver(name: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if name.is_empty() {
        return errors.push(FieldError::required(path, ""));
    }
    if name.len() > LONGEST_DRIVER {
        errors.push(FieldError::too_long(path, LONGEST_DRIVER));
    }
    grammar(name, names::dns1123_subdomain(&name.to_lowercase()), path, errors);
}

fn configurations(o: &Value, path: &Path, requests: Option<&BTreeSet<String>>, errors: &mut Vec<FieldError>) {
    let path = path.child("config");
    for (i, configuration) in json::list(o, "config").iter().enumerate() {
        let path = path.index(i);
        if let Some(known) = requests {
            refer(configuration, known, &path, errors);
        }
        let (opaque, at) = (json::get(configuration, "opaque"), path.child("opaque"));
        if opaque.is_null() {
            errors.push(FieldError::required(&at, ""));
            continue;
        }
        driver(json::text(opaque, "driver"), &at.child("driver"), errors);
        match json::get(opaque, "parameters") {
            Value::Null => errors.push(FieldError::required(&at.child("parameters"), "")),
            Value::Object(_) => {}
            _ => {
                let detail = "parameters must be a valid JSON object";
                errors.push(FieldError::invalid(&at.child("parameters"), "<value omitted>", detail));
            }
        }
    }
}

fn slice() -> Declared {
    Declared {
        validate: validate_slice,
        validate_update: |new, old, errors| {
            let (new, old, path) = (json::get(new, "spec"), json::get(old, "spec"), Path::new("spec"));
            for field in ["driver", "nodeName"] {
                if !json::same(new, old, field) {
                    errors.push(metadata::immutable(&path.child(field), json::get(new, field)));
                }
            }
            let pool = |spec: &Value| json::text(json::get(spec, "pool"), "name").to_owned();
            if pool(new) != pool(old) {
                errors.push(FieldError::invalid(&path.child("pool").child("name"), pool(new), "field is immutable"));
            }
        },
        selectable: &["spec.driver", "spec.nodeName"],
        fields: |o| {
            let spec = json::get(o, "spec");
            vec![
                ("spec.driver", json::text(spec, "driver").to_owned()),
                ("spec.nodeName", json::text(spec, "nodeName").to_owned()),
            ]
        },
        cells: |o, now| {
            let spec = json::get(o, "spec");
            let node = match json::text(spec, "nodeName") {
                "" if json::flag(spec, "allNodes") => "<all>",
                "" => "<unset>",
                node => node,
            };
            let pool = json::text(json::get(spec, "pool"), "name");
            vec![node.into(), json::text(spec, "driver").into(), pool.into(), age(o, now).into()]
        },
        ..Declared::NOTHING
    }
}

fn validate_slice(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    driver(json::text(spec, "driver"), &path.child("driver"), errors);
    let (pool, at) = (json::get(spec, "pool"), path.child("pool"));
    if required_text(pool, "name", &at, errors) {
        let name = json::text(pool, "name");
        if name.len() > LONGEST_POOL {
            errors.push(FieldError::too_long(&at.child("name"), LONGEST_POOL));
        }
        for part in name.split('/') {
            grammar(part, names::dns1123_subdomain(part), &at.child("name"), errors);
        }
    }
    if json::int(pool, "resourceSliceCount").unwrap_or(0) <= 0 {
        let count = json::int(pool, "resourceSliceCount").unwrap_or(0);
        errors.push(FieldError::invalid(&at.child("resourceSliceCount"), count, "must be greater than zero"));
    }
    if let Some(generation) = json::int(pool, "generation").filter(|generation| *generation < 0) {
        let detail = "must be greater than or equal to zero";
        errors.push(FieldError::invalid(&at.child("generation"), generation, detail));
    }
    places(spec, &path, errors);
    let (devices, path) = (json::list(spec, "devices"), path.child("devices"));
    if devices.len() > MOST_DEVICES {
        errors.push(FieldError::too_many(&path, devices.len(), MOST_DEVICES));
    }
    unique(devices, &path, errors);
}

/// Where the devices are: said in one way.
fn places(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let said: Vec<&str> = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"]
        .into_iter()
        .filter(|field| match json::get(spec, field) {
            Value::Bool(flag) => *flag,
            Value::String(text) => !text.is_empty(),
            other => !other.is_null(),
        })
        .collect();
    let one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    match said.as_slice() {
        [] => errors.push(FieldError::required(path, one)),
        ["nodeName"] => {
            let node = json::text(spec, "nodeName");
            grammar(node, names::dns1123_subdomain(node), &path.child("nodeName"), errors);
        }
        ["nodeSelector"] => node_selector(json::get(spec, "nodeSelector"), &path.child("nodeSelector"), errors),
        [_] => {}
        several => {
            let given =
                format!("{{{}}}", several.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", "));
            errors.push(FieldError::invalid(path, given, format!("{one}, but multiple fields are set")));
        }
    }
}

#[cfg(test)]
#[path = "resource_tests.rs"]
mod tests;
