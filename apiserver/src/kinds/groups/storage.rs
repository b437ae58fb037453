//! `storage.k8s.io`, but for storage classes: what drivers of volumes, and those who call them, tell each other.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::quantity::Quantity;

use crate::kinds::amounts::canonical_amounts;
use crate::kinds::checks::{grammar, optional_choice, required_text};
use crate::kinds::declared::{Declared, immutable};
use crate::kinds::metadata::age;
use crate::kinds::selectors::label_selector;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};

/// Bytes.
const LONGEST_DRIVER: usize = 63;
const LONGEST_NODE_ID: usize = 256;
const LONGEST_ATTRIBUTE: usize = 256 * 1024;
const LONGEST_ERROR: usize = 1024;
const MOST_PARAMETERS: usize = 512;

const DRIVER_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("AttachRequired", "boolean", "", 0),
    Column::new("PodInfoOnMount", "boolean", "", 0),
    Column::new("StorageCapacity", "boolean", "", 0),
    Column::text("TokenRequests"),
    Column::new("RequiresRepublish", "boolean", "", 0),
    Column::text("Modes"),
    Column::AGE,
];
const NODE_COLUMNS: &[Column] = &[Column::NAME, Column::integer("Drivers"), Column::AGE];
const CAPACITY_COLUMNS: &[Column] =
    &[Column::NAME, Column::text("StorageClassName"), Column::text("Capacity"), Column::AGE];
const ATTACHMENT_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Attacher"),
    Column::text("PV"),
    Column::text("Node"),
    Column::new("Attached", "boolean", "", 0),
    Column::AGE,
];
const ATTRIBUTES_COLUMNS: &[Column] = &[Column::NAME, Column::text("DriverName"), Column::AGE];

pub fn specs() -> Vec<Spec> {
    let group = |spec| Spec { group: "storage.k8s.io", package: "storage", enforced: false, namespaced: false, ..spec };
    vec![
        group(Spec { generations: true, columns: DRIVER_COLUMNS, ..Spec::core("CSIDriver", "csidrivers", driver()) }),
        group(Spec { columns: NODE_COLUMNS, ..Spec::core("CSINode", "csinodes", node()) }),
        Spec {
            namespaced: true,
            ..group(Spec {
                columns: CAPACITY_COLUMNS,
                ..Spec::core("CSIStorageCapacity", "csistoragecapacities", capacity())
            })
        },
        group(Spec {
            columns: ATTACHMENT_COLUMNS,
            subresources: &[Subresource::Status],
            ..Spec::core("VolumeAttachment", "volumeattachments", attachment())
        }),
        group(Spec {
            short_names: &["vac"],
            columns: ATTRIBUTES_COLUMNS,
            ..Spec::core("VolumeAttributesClass", "volumeattributesclasses", attributes_class())
        }),
    ]
}

/// The name of a driver, wherever it is named.
fn driver_name(name: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if name.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    if name.len() > LONGEST_DRIVER {
        errors.push(FieldError::too_long(path, LONGEST_DRIVER));
    }
    grammar(name, names::dns1123_subdomain(&name.to_lowercase()), path, errors);
}

fn driver() -> Declared {
    Declared {
        default: |o| {
            let Some(spec) = json::object_mut(o, "spec") else { return };
            json::fill(spec, "attachRequired", true);
            for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
                json::fill(spec, field, false);
            }
            json::fill_text(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
            if json::list(spec, "volumeLifecycleModes").is_empty() {
                json::set(spec, "volumeLifecycleModes", vec!["Persistent"]);
            }
        },
        validate: |o, errors| {
            driver_name(metadata::name(o), &Path::new("name"), errors);
            let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
            optional_choice(spec, "fsGroupPolicy", &["ReadWriteOnceWithFSType", "File", "None"], &path, errors);
            for (i, mode) in json::list(spec, "volumeLifecycleModes").iter().enumerate() {
                let mode = mode.as_str().unwrap_or("");
                if !matches!(mode, "Persistent" | "Ephemeral") {
                    let path = path.child("volumeLifecycleModes").index(i);
                    errors.push(FieldError::not_supported(&path, mode, &["Ephemeral", "Persistent"]));
                }
            }
            token_requests(spec, &path.child("tokenRequests"), errors);
        },
        validate_update: |new, old, errors| {
            let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
            immutable(new, old, &["attachRequired", "volumeLifecycleModes"], &Path::new("spec"), errors);
        },
        cells: |o, now| {
            let spec = json::get(o, "spec");
            let words = |list: &str, field: Option<&str>| {
                let items = json::list(spec, list).iter();
                let texts =
                    items.map(|item| field.map_or(item.as_str().unwrap_or(""), |field| json::text(item, field)));
                let text = texts.collect::<Vec<_>>().join(",");
                Value::from(if text.is_empty() { "<unset>".to_owned() } else { text })
            };
            vec![
                json::flag(spec, "attachRequired").into(),
                json::flag(spec, "podInfoOnMount").into(),
                json::flag(spec, "storageCapacity").into(),
                words("tokenRequests", Some("audience")),
                json::flag(spec, "requiresRepublish").into(),
                words("volumeLifecycleModes", None),
                age(o, now).into(),
            ]
        },
        ..Declared::NOTHING
    }
}

fn token_requests(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (i, request) in json::list(spec, "tokenRequests").iter().enumerate() {
        let (path, audience) = (path.index(i), json::text(request, "audience"));
        if !seen.insert(audience) {
            errors.push(FieldError::duplicate(&path.child("audience"), audience));
        }
        if let Some(seconds) = json::int(request, "expirationSeconds") {
            let path = path.child("expirationSeconds");
            if seconds < 600 {
                errors.push(FieldError::invalid(&path, seconds, "may not specify a duration less than 10 minutes"));
            }
            if seconds > 1 << 32 {
                errors.push(FieldError::invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds"));
            }
        }
    }
}

fn node() -> Declared {
    Declared {
        validate: |o, errors| {
            let path = Path::new("spec").child("drivers");
            let mut seen = BTreeSet::new();
            for (i, driver) in json::list(json::get(o, "spec"), "drivers").iter().enumerate() {
                let (path, name) = (path.index(i), json::text(driver, "name"));
                driver_name(name, &path.child("name"), errors);
                if !seen.insert(name) {
                    errors.push(FieldError::duplicate(&path.child("name"), name));
                }
                if required_text(driver, "nodeID", &path, errors)
                    && json::text(driver, "nodeID").len() > LONGEST_NODE_ID
                {
                    let detail = format!("must be {LONGEST_NODE_ID} characters or less");
                    errors.push(FieldError::invalid(&path.child("nodeID"), json::text(driver, "nodeID"), detail));
                }
                if let Some(count) = json::int(json::get(driver, "allocatable"), "count").filter(|count| *count < 0) {
                    let path = path.child("allocatable").child("count");
                    errors.push(FieldError::invalid(&path, count, "must be greater than or equal to 0"));
                }
                let mut keys = BTreeSet::new();
                for key in json::list(driver, "topologyKeys").iter().filter_map(Value::as_str) {
                    if !keys.insert(key) {
                        errors.push(FieldError::duplicate(&path.child("topologyKeys"), key));
                    }
                    grammar(key, names::qualified_name(key), &path.child("topologyKeys"), errors);
                }
            }
        },
        validate_update: |new, old, errors| {
            // A driver may come and go; what it says of itself stays, but for how much it takes.
            let drivers = |o| json::list(json::get(o, "spec"), "drivers");
            for driver in drivers(new) {
                let fixed = |driver: &Value| {
                    let mut fixed = driver.clone();
                    json::remove(&mut fixed, "allocatable");
                    fixed
                };
                let before = drivers(old).iter().find(|old| json::text(old, "name") == json::text(driver, "name"));
                if before.is_some_and(|before| !json::equivalent(&fixed(before), &fixed(driver))) {
                    let path = Path::new("CSINodeDriver");
                    errors.push(FieldError::invalid(&path, driver.clone(), "field is immutable"));
                }
            }
        },
        cells: |o, now| vec![json::list(json::get(o, "spec"), "drivers").len().into(), age(o, now).into()],
        ..Declared::NOTHING
    }
}

fn capacity() -> Declared {
    Declared {
        default: |o| {
            let mut amounts = serde_json::json!({});
            for field in ["capacity", "maximumVolumeSize"] {
                if let Some(amount) = json::remove(o, field).filter(|amount| !amount.is_null()) {
                    json::set(&mut amounts, field, amount);
                }
            }
            canonical_amounts(&mut amounts);
            for (field, amount) in amounts.as_object().cloned().unwrap_or_default() {
                json::set(o, &field, amount);
            }
        },
        validate: |o, errors| {
            let class = json::text(o, "storageClassName");
            grammar(class, names::dns1123_subdomain(class), &Path::new("storageClassName"), errors);
            if json::has(o, "nodeTopology") {
                label_selector(json::get(o, "nodeTopology"), &Path::new("nodeTopology"), errors);
            }
            for field in ["capacity", "maximumVolumeSize"] {
                let amount = json::text(o, field);
                match amount.parse::<Quantity>() {
                    Ok(parsed) if parsed.is_negative() => {
                        let detail = "must be greater than or equal to 0";
                        errors.push(FieldError::invalid(&Path::new(field), amount, detail));
                    }
                    Err(error) if !amount.is_empty() => {
                        errors.push(FieldError::invalid(&Path::new(field), amount, error.to_string()));
                    }
                    _ => {}
                }
            }
        },
        validate_update: |new, old, errors| {
            immutable(new, old, &["nodeTopology", "storageClassName"], &Path::new(""), errors);
        },
        cells: |o, now| {
            vec![json::text(o, "storageClassName").into(), json::text(o, "capacity").into(), age(o, now).into()]
        },
        ..Declared::NOTHING
    }
}

fn attachment() -> Declared {
    Declared {
        status: true,
        default: |o| {
            if let Some(status) = json::object_mut(o, "status") {
                json::fill(status, "attached", false);
            }
        },
        validate: |o, errors| {
            let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
            driver_name(json::text(spec, "attacher"), &path.child("attacher"), errors);
            let (source, at) = (json::get(spec, "source"), path.child("source"));
            match (json::has(source, "persistentVolumeName"), json::has(source, "inlineVolumeSpec")) {
                (true, true) => errors.push(FieldError::forbidden(
                    &at,
                    "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
                )),
                (false, false) => errors.push(FieldError::required(
                    &at,
                    "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
                )),
                (true, false) => {
                    let (name, path) = (json::text(source, "persistentVolumeName"), at.child("persistentVolumeName"));
                    grammar(name, names::dns1123_subdomain(name), &path, errors);
                }
                (false, true) => {}
            }
            let node = json::text(spec, "nodeName");
            grammar(node, names::dns1123_subdomain(node), &path.child("nodeName"), errors);
            attachment_status(o, errors);
        },
        validate_update: |new, old, errors| {
            if !json::same(new, old, "spec") {
                errors.push(metadata::immutable(&Path::new("spec"), json::get(new, "spec")));
            }
        },
        validate_status_update: |new, _, errors| attachment_status(new, errors),
        cells: |o, now| {
            let spec = json::get(o, "spec");
            vec![
                json::text(spec, "attacher").into(),
                json::text(json::get(spec, "source"), "persistentVolumeName").into(),
                json::text(spec, "nodeName").into(),
                json::flag(json::get(o, "status"), "attached").into(),
                age(o, now).into(),
            ]
        },
        ..Declared::NOTHING
    }
}

fn attachment_status(o: &Value, errors: &mut Vec<FieldError>) {
    let (status, path) = (json::get(o, "status"), Path::new("status"));
    for (key, value) in json::texts(status, "attachmentMetadata") {
        if value.len() > LONGEST_ATTRIBUTE {
            errors.push(FieldError::too_long(&path.child("attachmentMetadata").key(key), LONGEST_ATTRIBUTE));
        }
    }
    for field in ["attachError", "detachError"] {
        if json::text(json::get(status, field), "message").len() > LONGEST_ERROR {
            errors.push(FieldError::too_long(&path.child(field).child("message"), LONGEST_ERROR));
        }
    }
}

fn attributes_class() -> Declared {
    Declared {
        validate: |o, errors| {
            driver_name(json::text(o, "driverName"), &Path::new("driverName"), errors);
            let path = Path::new("parameters");
            let parameters: Vec<(&str, &str)> = json::texts(o, "parameters").collect();
            let size: usize = parameters.iter().map(|(key, value)| key.len() + value.len()).sum();
            if parameters.is_empty() {
                errors.push(FieldError::required(&path, "must contain at least one key/value pair"));
            }
            if parameters.len() > MOST_PARAMETERS {
                errors.push(FieldError::too_long(&path, MOST_PARAMETERS));
            } else if size > LONGEST_ATTRIBUTE {
                errors.push(FieldError::too_long(&path, LONGEST_ATTRIBUTE));
            }
            if parameters.iter().any(|(key, _)| key.is_empty()) {
                errors.push(FieldError::invalid(&path, "", "field can not be empty."));
            }
        },
        validate_update: |new, old, errors| {
            for field in ["driverName", "parameters"] {
                if !json::same(new, old, field) {
                    let detail = format!("updates to {field} are forbidden.");
                    errors.push(FieldError::forbidden(&Path::new(field), detail));
                }
            }
        },
        cells: |o, now| vec![json::text(o, "driverName").into(), age(o, now).into()],
        ..Declared::NOTHING
    }
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
