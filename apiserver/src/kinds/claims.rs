//! What claims, the templates of claims in pods, and volumes have in common.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::amounts::{canonical_amounts, positive};
use super::checks::{grammar, optional_choice};
use super::json;
use super::selectors::label_selector;

/// The name of a class before it was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// All access modes, as Kubernetes sorts them.
pub const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// Defaults of a claim's spec, also in the template of a pod's volume.
pub fn default_spec(spec: &mut Value) {
    json::fill_text(spec, "volumeMode", "Filesystem");
    if let Some(resources) = spec.get_mut("resources") {
        for key in ["requests", "limits"] {
            if let Some(amounts) = resources.get_mut(key) {
                canonical_amounts(amounts);
            }
        }
    }
}

/// Checks a claim's spec, also in the template of a pod's volume.
pub fn validate_spec(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if json::has(spec, "selector") {
        label_selector(json::get(spec, "selector"), &path.child("selector"), errors);
    }
    access_modes(spec, path, "at least 1 access mode is required", errors);
    let requests = json::at(spec, &["resources", "requests"]);
    if json::has(requests, "storage") {
        positive(requests, "storage", &path.child("resources"), errors);
    } else {
        errors.push(FieldError::required(&path.child("resources").key("storage"), ""));
    }
    let class = json::text(spec, "storageClassName");
    if !class.is_empty() {
        grammar(class, names::dns1123_subdomain(class), &path.child("storageClassName"), errors);
    }
    optional_choice(spec, "volumeMode", &["Block", "Filesystem"], path, errors);
}

/// Access modes of a claim or a volume.
pub fn access_modes(spec: &Value, path: &Path, none: &str, errors: &mut Vec<FieldError>) {
    let modes: Vec<&str> = json::list(spec, "accessModes").iter().filter_map(Value::as_str).collect();
    let path = path.child("accessModes");
    if modes.is_empty() {
        errors.push(FieldError::required(&path, none));
    }
    for mode in modes.iter().filter(|mode| !ACCESS_MODES.contains(mode)) {
        errors.push(FieldError::not_supported(&path, *mode, &ACCESS_MODES));
    }
    if modes.contains(&"ReadWriteOncePod") && modes.iter().any(|mode| *mode != "ReadWriteOncePod") {
        errors.push(FieldError::forbidden(&path, "may not use ReadWriteOncePod with other access modes"));
    }
}

/// The storage of a list of amounts, as it is written there.
pub fn amount(amounts: &Value) -> &str {
    json::text(amounts, "storage")
}

/// The class of a claim or a volume; an old annotation overrules the field.
pub fn class_name(o: &Value) -> &str {
    let annotation = json::text(json::at(o, &["metadata", "annotations"]), CLASS_ANNOTATION);
    if annotation.is_empty() { json::text(json::get(o, "spec"), "storageClassName") } else { annotation }
}

/// Whether a claim names a class, be it the empty one, which means none.
pub fn has_class(o: &Value) -> bool {
    json::has(json::get(o, "spec"), "storageClassName")
        || json::has(json::at(o, &["metadata", "annotations"]), CLASS_ANNOTATION)
}

/// `RWO,ROX`: in a fixed order, each once.
pub fn short_modes(modes: &[Value]) -> String {
    let short =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let there = short.iter().filter(|(mode, _)| modes.iter().any(|given| given == mode));
    there.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// What kubectl shows for a field that may be absent.
pub fn unset(text: &str) -> &str {
    if text.is_empty() { "<unset>" } else { text }
}
