//! What Deployment and ReplicaSet have in common: a selector, a pod template, and how they are shown.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::selector::LabelSelector;

use super::pod::{defaults, validate};
use super::{json, metadata};

/// Defaults of `spec.replicas` and `spec.template`.
pub fn default(spec: &mut Value) {
    json::fill(spec, "replicas", 1);
    if let Some(template) = spec.get_mut("template").filter(|t| t.is_object()) {
        defaults::default_template(template);
    }
}

/// Checks replicas, selector and template of the spec at `spec`.
pub fn validate(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    validate::not_negative(spec, &["replicas", "minReadySeconds"], path, errors);
    let selector = json::get(spec, "selector");
    let selector_path = path.child("selector");
    if !selector.is_object() {
        errors.push(FieldError::required(&selector_path, ""));
    } else {
        validate::label_selector(selector, &selector_path, errors);
        let empty = json::equivalent(selector, &Value::Null);
        if empty {
            let detail = "empty selector is invalid for deployment";
            errors.push(FieldError::invalid(&selector_path, selector.clone(), detail));
        }
    }
    template(json::get(spec, "template"), selector, &path.child("template"), errors);
}

fn template(template: &Value, selector: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let meta = json::get(template, "metadata");
    if let Some(selector) = typed(selector).filter(|selector| !selector.is_empty()) {
        let labels = json::texts(meta, "labels").map(|(k, v)| (k.to_owned(), v.to_owned()));
        if !selector.matches(&labels.collect()) {
            let path = path.child("metadata").child("labels");
            let shown = json::map(meta, "labels").cloned().unwrap_or_default();
            let detail = "`selector` does not match template `labels`";
            errors.push(FieldError::invalid(&path, shown, detail));
        }
    }
    errors.extend(metadata::validate_labels(meta, "labels", path));
    let (spec, path) = (json::get(template, "spec"), path.child("spec"));
    validate::pod_spec(spec, &path, validate::Of::Template, errors);
    let policy = json::text(spec, "restartPolicy");
    if matches!(policy, "OnFailure" | "Never") {
        let path = path.child("restartPolicy");
        errors.push(FieldError::not_supported(&path, policy, &["Always"]));
    }
    if json::has(spec, "activeDeadlineSeconds") {
        let path = path.child("activeDeadlineSeconds");
        let detail = "activeDeadlineSeconds in ReplicaSet is not Supported";
        errors.push(FieldError::forbidden(&path, detail));
    }
}

fn typed(selector: &Value) -> Option<LabelSelector> {
    let selector = serde_json::from_value(selector.clone()).ok()?;
    LabelSelector::from_typed(&selector).ok()
}

/// The selector of a workload stays: its pods would be orphaned.
pub fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
    if json::same(new, old, "selector") {
        return vec![];
    }
    let path = Path::new("spec").child("selector");
    vec![metadata::immutable(&path, json::get(new, "selector"))]
}

/// Counts in a status are not negative, and none exceeds `replicas`.
pub fn validate_status(o: &Value, counts: &[&'static str]) -> Vec<FieldError> {
    let (status, path) = (json::get(o, "status"), Path::new("status"));
    let mut errors = vec![];
    validate::not_negative(status, &["replicas", "observedGeneration", "collisionCount"], &path, &mut errors);
    validate::not_negative(status, counts, &path, &mut errors);
    let replicas = json::int(status, "replicas").unwrap_or(0);
    for field in counts {
        if let Some(n) = json::int(status, field).filter(|n| *n > replicas) {
            let detail = "cannot be greater than status.replicas";
            errors.push(FieldError::invalid(&path.child(field), n, detail));
        }
    }
    errors
}

/// The wide cells: names of containers, their images, and the selector.
pub fn wide_cells(spec: &Value) -> [Value; 3] {
    let containers = json::list(json::at(spec, &["template", "spec"]), "containers");
    let all = |key: &str| {
        let texts: Vec<&str> = containers.iter().map(|c| json::text(c, key)).collect();
        Value::from(texts.join(","))
    };
    [all("name"), all("image"), selector_words(json::get(spec, "selector")).into()]
}

/// A label selector as kubectl shows it.
pub fn selector_words(selector: &Value) -> String {
    match typed(selector) {
        None => "<error>".to_owned(),
        Some(selector) if selector.is_empty() => "<none>".to_owned(),
        Some(selector) => selector.to_string(),
    }
}

/// A count in a status, 0 when absent.
pub fn count(o: &Value, key: &str) -> i64 {
    json::int(o, key).unwrap_or(0)
}
