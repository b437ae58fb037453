//! What the kinds that make pods have in common: a selector, a pod template, counts of pods, and how they are shown.

use crate::kinds::checks::not_negative;
use crate::kinds::selectors::label_selector;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::selector::LabelSelector;

use super::pod::{self, defaults, validate};
use super::{json, metadata};

/// Defaults of `spec.replicas` and `spec.template`.
pub fn default(spec: &mut Value) {
    json::fill(spec, "replicas", 1);
    default_template(spec);
}

/// Defaults of `spec.template`.
pub fn default_template(spec: &mut Value) {
    if let Some(template) = spec.get_mut("template").filter(|t| t.is_object()) {
        defaults::default_template(template);
    }
}

/// Checks replicas, selector and template of the spec at `path`. `whose` is what the selector's faults name.
pub fn validate(spec: &Value, path: &Path, whose: &str, errors: &mut Vec<FieldError>) {
    not_negative(spec, &["replicas", "minReadySeconds"], path, errors);
    selector(spec, path, whose, errors);
    let (template, path) = (json::get(spec, "template"), path.child("template"));
    matches(template, json::get(spec, "selector"), &path, errors);
    pod_template(template, &path, errors);
    runs_forever(template, &path, "ReplicaSet", errors);
}

/// A selector must be there, and select something in particular.
pub fn selector(spec: &Value, path: &Path, whose: &str, errors: &mut Vec<FieldError>) {
    let (selector, path) = (json::get(spec, "selector"), path.child("selector"));
    if !selector.is_object() {
        errors.push(FieldError::required(&path, ""));
        return;
    }
    label_selector(selector, &path, errors);
    if json::equivalent(selector, &Value::Null) {
        let detail = format!("empty selector is invalid for {whose}");
        errors.push(FieldError::invalid(&path, selector.clone(), detail));
    }
}

/// A selector selects the pods that the template at `path` makes.
pub fn matches(template: &Value, selector: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let meta = json::get(template, "metadata");
    if let Some(selector) = typed(selector).filter(|selector| !selector.is_empty()) {
        let labels = json::texts(meta, "labels").map(|(k, v)| (k.to_owned(), v.to_owned()));
        if !selector.matches(&labels.collect()) {
            errors.push(no_match(meta, path));
        }
    }
}

/// The labels of the template at `path`, which a selector misses.
pub fn no_match(meta: &Value, path: &Path) -> FieldError {
    let path = path.child("metadata").child("labels");
    let shown = json::map(meta, "labels").cloned().unwrap_or_default();
    FieldError::invalid(&path, shown, "`selector` does not match template `labels`")
}

/// Checks the pod template at `path`.
pub fn pod_template(template: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    errors.extend(metadata::validate_labels(json::get(template, "metadata"), "labels", path));
    validate::pod_spec(json::get(template, "spec"), &path.child("spec"), validate::Of::Template, errors);
}

/// Pods that are replaced when they end may not end by themselves. `whose` is the kind that replaces them.
pub fn runs_forever(template: &Value, path: &Path, whose: &str, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(template, "spec"), path.child("spec"));
    let policy = json::text(spec, "restartPolicy");
    if matches!(policy, "OnFailure" | "Never") {
        let path = path.child("restartPolicy");
        errors.push(FieldError::not_supported(&path, policy, &["Always"]));
    }
    if json::has(spec, "activeDeadlineSeconds") {
        let path = path.child("activeDeadlineSeconds");
        errors.push(FieldError::forbidden(&path, format!("activeDeadlineSeconds in {whose} is not Supported")));
    }
}

/// A label selector as it can be asked.
pub fn typed(selector: &Value) -> Option<LabelSelector> {
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
    not_negative(status, &["replicas", "observedGeneration", "collisionCount"], &path, &mut errors);
    not_negative(status, counts, &path, &mut errors);
    let replicas = json::int(status, "replicas").unwrap_or(0);
    for field in counts {
        if let Some(n) = json::int(status, field).filter(|n| *n > replicas) {
            let detail = "cannot be greater than status.replicas";
            errors.push(FieldError::invalid(&path.child(field), n, detail));
        }
    }
    errors
}

/// A status never takes back that two names collided.
pub fn collisions(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let count = |o| json::int(json::get(o, "status"), "collisionCount");
    if let Some(before) = count(old)
        && count(new).unwrap_or(0) < before
    {
        let path = Path::new("status").child("collisionCount");
        let value = json::at(new, &["status", "collisionCount"]).clone();
        errors.push(FieldError::invalid(&path, value, "cannot be decremented"));
    }
}

/// A number of pods, or a share of them: `3`, `30%`.
pub fn number_or_percent(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let found = match value {
        Value::String(text) => names::percent(text),
        other if other.as_i64().is_some_and(|n| n < 0) => {
            vec!["must be greater than or equal to 0".to_owned()]
        }
        _ => vec![],
    };
    errors.extend(found.into_iter().map(|message| FieldError::invalid(path, value.clone(), message)));
}

/// The same; a share of more than all makes no sense.
pub fn at_most_all(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if value.is_string() && amount(value).is_some_and(|n| n > 100) {
        errors.push(FieldError::invalid(path, value.clone(), "must not be greater than 100%"));
    }
}

/// The number in `3` or `30%`.
pub fn amount(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.strip_suffix('%')?.parse().ok(),
        other => other.as_i64(),
    }
}

/// What of the template's pods has no effect.
pub fn warnings(o: &Value) -> Vec<String> {
    pod::warnings_of_spec(json::at(o, &["spec", "template", "spec"]), "spec.template.spec")
}

/// The wide cells: names of containers, their images, and the selector.
pub fn wide_cells(spec: &Value) -> [Value; 3] {
    let [names, images] = container_cells(json::at(spec, &["template", "spec"]));
    [names, images, selector_words(json::get(spec, "selector")).into()]
}

/// Names and images of a pod spec's containers.
pub fn container_cells(pod: &Value) -> [Value; 2] {
    ["name", "image"].map(|key| {
        let texts: Vec<&str> = json::list(pod, "containers").iter().map(|c| json::text(c, key)).collect();
        texts.join(",").into()
    })
}

/// A label selector in words.
pub fn selector_words(selector: &Value) -> String {
    match typed(selector) {
        None if selector.is_null() => "<none>".to_owned(),
        None => "<error>".to_owned(),
        Some(selector) if selector.is_empty() => "<none>".to_owned(),
        Some(selector) => selector.to_string(),
    }
}

/// A count in a status, 0 when absent.
pub fn count(o: &Value, key: &str) -> i64 {
    json::int(o, key).unwrap_or(0)
}
