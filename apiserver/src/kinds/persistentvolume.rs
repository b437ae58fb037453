//! PersistentVolume: a piece of storage that outlives pods.

use crate::kinds::claims::unset;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::pod::validate::HOST_PATH_TYPES;
use super::{Column, Hooks, json, metadata};
use crate::kinds::amounts::canonical_amounts;
use crate::kinds::amounts::positive;
use crate::kinds::checks::{grammar, no_step_back, optional_choice, required_text};
use crate::kinds::claims::{access_modes, amount, class_name, short_modes};
use crate::kinds::selectors::node_selector;

/// Set on every volume: none vanishes while a claim is bound to it.
pub const PROTECTION: &str = "kubernetes.io/pv-protection";
/// Fields of the spec that are no source.
const NO_SOURCES: [&str; 8] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeMode",
];
/// Sources that node agents can mount.
const MOUNTABLE: [&str; 2] = ["hostPath", "local"];

pub struct PersistentVolume;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Capacity"),
    Column::text("Access Modes"),
    Column::text("Reclaim Policy"),
    Column::text("Status"),
    Column::text("Claim"),
    Column::text("StorageClass"),
    Column::text("VolumeAttributesClass"),
    Column::text("Reason"),
    Column::AGE,
    Column::wide("VolumeMode"),
];

impl Hooks for PersistentVolume {
    fn default(&self, o: &mut Value) {
        if let Some(spec) = json::object_mut(o, "spec") {
            json::fill_text(spec, "persistentVolumeReclaimPolicy", "Retain");
            json::fill_text(spec, "volumeMode", "Filesystem");
            if let Some(host) = spec.get_mut("hostPath").filter(|host| host.is_object()) {
                json::fill(host, "type", "");
            }
            if let Some(capacity) = spec.get_mut("capacity") {
                canonical_amounts(capacity);
            }
        }
        if let Some(status) = json::object_mut(o, "status") {
            json::fill_text(status, "phase", "Pending");
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
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        modes_and_capacity(spec, &path, &mut errors);
        sources(spec, &path, &mut errors);
        let policies = ["Delete", "Recycle", "Retain"];
        optional_choice(spec, "persistentVolumeReclaimPolicy", &policies, &path, &mut errors);
        let class = json::text(spec, "storageClassName");
        if !class.is_empty() {
            grammar(class, names::dns1123_subdomain(class), &path.child("storageClassName"), &mut errors);
        }
        optional_choice(spec, "volumeMode", &["Block", "Filesystem"], &path, &mut errors);
        let affinity = json::get(spec, "nodeAffinity");
        let path = path.child("nodeAffinity");
        if json::has(affinity, "required") {
            node_selector(json::get(affinity, "required"), &path.child("required"), &mut errors);
        } else if !affinity.is_null() {
            errors.push(FieldError::required(&path.child("required"), "must specify required node constraints"));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
        let path = Path::new("spec");
        if !source_names(new).eq(source_names(old)) || source_names(old).any(|source| !json::same(new, old, source)) {
            let detail = "spec.persistentvolumesource is immutable after creation";
            errors.push(FieldError::forbidden(&path.child("persistentvolumesource"), detail));
        }
        if !json::same(new, old, "volumeMode") {
            errors.push(metadata::immutable(&path.child("volumeMode"), json::get(new, "volumeMode")));
        }
        if json::has(old, "nodeAffinity") && !json::same(new, old, "nodeAffinity") {
            errors.push(metadata::immutable(&path.child("nodeAffinity"), json::get(new, "nodeAffinity")));
        }
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let claim = json::get(spec, "claimRef");
        let claim = match json::text(claim, "name") {
            "" => String::new(),
            name => format!("{}/{name}", json::text(claim, "namespace")),
        };
        let deleting = json::has(json::get(o, "metadata"), "deletionTimestamp");
        let phase = if deleting { "Terminating" } else { json::text(status, "phase") };
        vec![
            metadata::name(o).into(),
            amount(json::get(spec, "capacity")).into(),
            short_modes(json::list(spec, "accessModes")).into(),
            json::text(spec, "persistentVolumeReclaimPolicy").into(),
            phase.into(),
            claim.into(),
            class_name(o).into(),
            unset(json::text(spec, "volumeAttributesClassName")).into(),
            json::text(status, "reason").into(),
            metadata::age(o, now).into(),
            unset(json::text(spec, "volumeMode")).into(),
        ]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        let spec = json::get(o, "spec");
        let unmounted =
            source_names(spec).filter(|source| !MOUNTABLE.contains(source)).map(|source| format!("spec.{source}"));
        let mut fields: Vec<String> = unmounted.collect();
        if !json::list(spec, "mountOptions").is_empty() {
            fields.push("spec.mountOptions".to_owned());
        }
        if json::text(spec, "volumeMode") == "Block" {
            fields.push("spec.volumeMode".to_owned());
        }
        fields.into_iter().map(|field| format!("{field} is not enforced by this version")).collect()
    }
}

fn source_names(spec: &Value) -> impl Iterator<Item = &str> + Clone {
    let fields = spec.as_object().into_iter().flatten();
    let given = fields.filter(|(key, value)| {
        !NO_SOURCES.contains(&key.as_str()) && *key != "volumeAttributesClassName" && !value.is_null()
    });
    given.map(|(key, _)| key.as_str())
}

fn modes_and_capacity(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    access_modes(spec, path, "", errors);
    let path = path.child("capacity");
    let capacity = json::map(spec, "capacity");
    match capacity.filter(|capacity| !capacity.is_empty()) {
        None => errors.push(FieldError::required(&path, "")),
        Some(capacity) => {
            if capacity.len() > 1 || !capacity.contains_key("storage") {
                let names: Vec<&str> = capacity.keys().map(String::as_str).collect();
                errors.push(FieldError::not_supported(&path, names.join(","), &["storage"]));
            }
            positive(json::get(spec, "capacity"), "storage", &path, errors);
        }
    }
}

fn sources(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut given = source_names(spec);
    let Some(source) = given.next() else {
        errors.push(FieldError::required(path, "must specify a volume type"));
        return;
    };
    for more in given {
        errors.push(FieldError::forbidden(&path.field(more), "may not specify more than 1 volume type"));
    }
    let (value, at) = (json::get(spec, source), path.field(source));
    match source {
        "hostPath" => {
            if required_text(value, "path", &at, errors) {
                no_step_back(json::text(value, "path"), &at.child("path"), errors);
            }
            optional_choice(value, "type", &HOST_PATH_TYPES, &at, errors);
            let recycles = json::text(spec, "persistentVolumeReclaimPolicy") == "Recycle";
            if recycles && json::text(value, "path").trim_end_matches('/').is_empty() {
                let detail = "may not be 'recycle' for a hostPath mount of '/'";
                errors.push(FieldError::forbidden(&path.child("persistentVolumeReclaimPolicy"), detail));
            }
        }
        "local" => {
            if required_text(value, "path", &at, errors) {
                no_step_back(json::text(value, "path"), &at.child("path"), errors);
            }
            if !json::has(json::get(spec, "nodeAffinity"), "required") {
                let detail = "Local volume requires node affinity";
                errors.push(FieldError::required(&path.child("nodeAffinity"), detail));
            }
        }
        "nfs" => {
            required_text(value, "server", &at, errors);
            required_text(value, "path", &at, errors);
        }
        "csi" => {
            required_text(value, "driver", &at, errors);
            required_text(value, "volumeHandle", &at, errors);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(more: Value) -> Value {
        let mut o = json!({"metadata": {"name": "pv"}, "spec": {"capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"], "local": {"path": "/data"}, "nodeAffinity": {"required": {
                "nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}]}]}}}});
        for (key, value) in more.as_object().expect("a map") {
            o["spec"][key] = value.clone();
        }
        PersistentVolume.default(&mut o);
        o
    }

    fn faults(o: &Value) -> Vec<String> {
        PersistentVolume.validate(o).iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let mut o = local(json!({}));
        PersistentVolume.prepare_create(&mut o);
        assert_eq!(o["spec"]["persistentVolumeReclaimPolicy"], "Retain");
        assert_eq!(o["spec"]["volumeMode"], "Filesystem");
        assert_eq!(o["metadata"]["finalizers"], json!([PROTECTION]));
        assert_eq!(o["status"], json!({"phase": "Pending"}));
        assert!(faults(&o).is_empty(), "{:?}", faults(&o));
    }

    #[test]
    fn each_fault_is_named_as_kubernetes_names_it() {
        for (more, expected) in [
            (json!({"capacity": {}}), "spec.capacity: Required value"),
            (
                json!({"capacity": {"storage": "0"}}),
                "spec.capacity[storage]: Invalid value: \"0\": must be greater than zero",
            ),
            (json!({"accessModes": []}), "spec.accessModes: Required value"),
            (json!({"local": null}), "spec: Required value: must specify a volume type"),
            (json!({"hostPath": {"path": "/x"}}), "spec.local: Forbidden: may not specify more than 1 volume type"),
            (json!({"nodeAffinity": null}), "spec.nodeAffinity: Required value: Local volume requires node affinity"),
            (
                json!({"local": {"path": "/a/../b"}}),
                "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
            ),
            (
                json!({"persistentVolumeReclaimPolicy": "Keep"}),
                "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
            ),
            (
                json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}),
                "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
            ),
        ] {
            assert_eq!(faults(&local(more.clone())), [expected], "{more}");
        }
    }

    #[test]
    fn source_mode_and_affinity_stay() {
        let old = local(json!({}));
        assert!(PersistentVolume.validate_update(&old, &old).is_empty());
        let found = PersistentVolume.validate_update(&local(json!({"local": {"path": "/else"}})), &old);
        assert_eq!(
            found[0].to_string(),
            "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
        );
        let found = PersistentVolume.validate_update(&local(json!({"volumeMode": "Block"})), &old);
        assert_eq!(found[0].to_string(), "spec.volumeMode: Invalid value: \"Block\": field is immutable");
        assert!(PersistentVolume.validate_update(&local(json!({"claimRef": {"name": "c"}})), &old).is_empty());
    }

    #[test]
    fn a_volume_is_shown_with_its_claim() {
        let mut o = local(json!({"claimRef": {"namespace": "a", "name": "data"}, "storageClassName": "local-path",
            "accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}));
        o["status"]["phase"] = "Bound".into();
        let cells = PersistentVolume.cells(&o, Timestamp::UNIX_EPOCH);
        let cells: Vec<&str> = cells.iter().filter_map(Value::as_str).collect();
        assert_eq!(
            cells,
            [
                "pv",
                "1Gi",
                "RWO,ROX",
                "Retain",
                "Bound",
                "a/data",
                "local-path",
                "<unset>",
                "",
                "<unknown>",
                "Filesystem"
            ]
        );
    }
}
