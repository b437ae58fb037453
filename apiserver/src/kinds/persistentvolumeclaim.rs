//! PersistentVolumeClaim: a wish for storage, and the volume that it was given.

use crate::kinds::claims::{amount, class_name, default_spec, short_modes, validate_spec};
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::quantity::Quantity;

use super::{Column, Hooks, json, metadata};
use crate::kinds::amounts::canonical_amounts;
use crate::kinds::claims::unset;

/// Set on every claim: none vanishes while a pod uses it.
pub const PROTECTION: &str = "kubernetes.io/pvc-protection";

pub struct PersistentVolumeClaim;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Status"),
    Column::text("Volume"),
    Column::text("Capacity"),
    Column::text("Access Modes"),
    Column::text("StorageClass"),
    Column::text("VolumeAttributesClass"),
    Column::AGE,
    Column::wide("VolumeMode"),
];

impl Hooks for PersistentVolumeClaim {
    fn default(&self, o: &mut Value) {
        if let Some(spec) = json::object_mut(o, "spec") {
            default_spec(spec);
        }
        if let Some(status) = json::object_mut(o, "status") {
            json::fill_text(status, "phase", "Pending");
            if let Some(capacity) = status.get_mut("capacity") {
                canonical_amounts(capacity);
            }
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        metadata::add_finalizer(o, PROTECTION);
        json::set(o, "status", json!({"phase": "Pending"}));
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        validate_spec(json::get(o, "spec"), &Path::new("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        unchanged(new, old)
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let deleting = json::has(json::get(o, "metadata"), "deletionTimestamp");
        let volume = json::text(spec, "volumeName");
        let bound = !volume.is_empty();
        let capacity = if bound { amount(json::get(status, "capacity")) } else { "" };
        let modes = if bound { short_modes(json::list(status, "accessModes")) } else { String::new() };
        vec![
            metadata::name(o).into(),
            if deleting { "Terminating" } else { json::text(status, "phase") }.into(),
            volume.into(),
            capacity.into(),
            modes.into(),
            class_name(o).into(),
            unset(json::text(spec, "volumeAttributesClassName")).into(),
            metadata::age(o, now).into(),
            unset(json::text(spec, "volumeMode")).into(),
        ]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        let spec = json::get(o, "spec");
        let mut fields: Vec<&str> = ["dataSource", "dataSourceRef", "volumeAttributesClassName"]
            .into_iter()
            .filter(|field| !json::same(spec, &Value::Null, field))
            .collect();
        if json::text(spec, "volumeMode") == "Block" {
            fields.push("volumeMode");
        }
        fields.into_iter().map(|field| format!("spec.{field} is not enforced by this version")).collect()
    }
}

/// What may change in a claim: hardly anything.
fn unchanged(new: &Value, old: &Value) -> Vec<FieldError> {
    let path = Path::new("spec");
    let mut allowed = json::get(old, "spec").clone();
    let wanted = json::get(new, "spec");
    // It is given its volume once, and a class as long as it has neither.
    if json::text(&allowed, "volumeName").is_empty() {
        if !json::has(&allowed, "storageClassName") {
            json::set(&mut allowed, "storageClassName", json::get(wanted, "storageClassName").clone());
        }
        json::set(&mut allowed, "volumeName", json::get(wanted, "volumeName").clone());
    }
    let bound = json::text(json::get(old, "status"), "phase") == "Bound";
    if bound {
        json::set(&mut allowed, "volumeAttributesClassName", json::get(wanted, "volumeAttributesClassName").clone());
        // What growing comes to is for admission to say.
        let storage = json::at(wanted, &["resources", "requests", "storage"]).clone();
        if let Some(requests) = allowed.get_mut("resources").and_then(|resources| resources.get_mut("requests")) {
            json::set(requests, "storage", storage);
        }
    }
    if !json::equivalent(&allowed, wanted) {
        let detail =
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        return vec![FieldError::forbidden(&path, detail)];
    }
    let size = |o: &Value| storage_request(o).unwrap_or_else(|| Quantity::from_value(0));
    if size(new) < size(old) {
        let path = path.child("resources").child("requests").child("storage");
        return vec![FieldError::forbidden(&path, "field can not be less than status.capacity")];
    }
    vec![]
}

/// How much a claim asks for.
pub fn storage_request(o: &Value) -> Option<Quantity> {
    json::at(o, &["spec", "resources", "requests", "storage"]).as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(more: Value) -> Value {
        let mut o = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
        for (key, value) in more.as_object().expect("a map") {
            o["spec"][key] = value.clone();
        }
        PersistentVolumeClaim.default(&mut o);
        o
    }

    #[test]
    fn each_fault_is_named_as_kubernetes_names_it() {
        let faults = |more: Value| -> Vec<String> {
            PersistentVolumeClaim.validate(&claim(more)).iter().map(|error| error.to_string()).collect()
        };
        assert!(faults(json!({})).is_empty());
        for (more, expected) in [
            (json!({"accessModes": null}), "spec.accessModes: Required value: at least 1 access mode is required"),
            (
                json!({"accessModes": ["Once"]}),
                "spec.accessModes: Unsupported value: \"Once\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
            ),
            (json!({"resources": {}}), "spec.resources[storage]: Required value"),
            (
                json!({"resources": {"requests": {"storage": "-1"}}}),
                "spec.resources[storage]: Invalid value: \"-1\": must be greater than zero",
            ),
            (
                json!({"volumeMode": "Tape"}),
                "spec.volumeMode: Unsupported value: \"Tape\": supported values: \"Block\", \"Filesystem\"",
            ),
        ] {
            assert_eq!(faults(more.clone()), [expected], "{more}");
        }
    }

    #[test]
    fn a_claim_is_given_its_volume_and_else_stays_as_it_is() {
        let immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and \
            volumeAttributesClassName for bound claims";
        let smaller = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity";
        let size = |size: &str| json!({"resources": {"requests": {"storage": size}}});
        for (old, new, bound, expected) in [
            (json!({}), json!({}), false, None),
            (json!({}), json!({"volumeName": "pv"}), false, None),
            (json!({"volumeName": "pv"}), json!({"volumeName": "other"}), true, Some(immutable)),
            (json!({}), json!({"storageClassName": "a"}), false, None),
            (json!({"storageClassName": "a"}), json!({"storageClassName": "b"}), false, Some(immutable)),
            (json!({}), json!({"accessModes": ["ReadWriteMany"]}), false, Some(immutable)),
            (json!({}), size("2Gi"), false, Some(immutable)),
            (json!({}), size("2Gi"), true, None),
            (json!({}), size("512Mi"), true, Some(smaller)),
        ] {
            let (mut before, after) = (claim(old), claim(new.clone()));
            if bound {
                before["status"]["phase"] = "Bound".into();
            }
            let found = PersistentVolumeClaim.validate_update(&after, &before);
            assert_eq!(found.first().map(|error| error.to_string()).as_deref(), expected, "{new}");
        }
    }

    #[test]
    fn a_claim_is_shown_with_what_it_was_given() {
        let mut o = claim(json!({"storageClassName": "local-path"}));
        let cells = |o: &Value| -> Vec<String> {
            let cells = PersistentVolumeClaim.cells(o, Timestamp::UNIX_EPOCH);
            cells.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        assert_eq!(cells(&o), ["data", "Pending", "", "", "", "local-path", "<unset>", "<unknown>", "Filesystem"]);
        o["spec"]["volumeName"] = "pv".into();
        o["status"] = json!({"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"]});
        assert_eq!(
            cells(&o),
            ["data", "Bound", "pv", "2Gi", "RWO", "local-path", "<unset>", "<unknown>", "Filesystem"]
        );
    }
}
