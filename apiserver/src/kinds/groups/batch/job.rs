//! Job: pods that run until enough of them have succeeded.

use jiff::Timestamp;
use serde_json::{Map, Value};
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{columns, failure_policy, job_update, success_policy};
use crate::kinds::checks::{grammar, not_negative, optional_choice};
use crate::kinds::selectors::label_selector;
use crate::kinds::{Hooks, json, metadata, workload};

pub struct Job;

const UID_LABEL: &str = "batch.kubernetes.io/controller-uid";
const NAME_LABEL: &str = "batch.kubernetes.io/job-name";
/// The same before labels had prefixes: still set, for those who select by them.
const OLD_UID_LABEL: &str = "controller-uid";
const OLD_NAME_LABEL: &str = "job-name";

/// The most pods of an indexed job at a time.
const MAX_PARALLELISM: i64 = 100_000;
/// Longest name of who manages a job, in bytes.
const MAX_MANAGED_BY: usize = 63;

impl Hooks for Job {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        workload::default_template(spec);
        if !json::has(spec, "completions") && !json::has(spec, "parallelism") {
            json::set(spec, "completions", 1);
        }
        json::fill(spec, "parallelism", 1);
        let limit = if json::has(spec, "backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
        json::fill(spec, "backoffLimit", limit);
        json::fill(spec, "completionMode", "NonIndexed");
        json::fill(spec, "suspend", false);
        json::fill(spec, "manualSelector", false);
        let replacement = if json::has(spec, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
        json::fill(spec, "podReplacementPolicy", replacement);
        default_failure_policy(spec);
        copy_labels(o, "");
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", Map::new());
    }

    fn named(&self, o: &mut Value, before: &str) {
        generate_selector(o, before);
        copy_labels(o, before);
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        generated_selector(o, &mut errors);
        validate_spec(spec, &path, &mut errors);
        let selector = json::get(spec, "selector");
        if selector.is_object() {
            label_selector(selector, &path.child("selector"), &mut errors);
        } else {
            errors.push(FieldError::required(&path.child("selector"), ""));
        }
        workload::matches(json::get(spec, "template"), selector, &path.child("template"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        job_update::validate(new, old)
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        job_update::validate_status(new, old)
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        vec![("status.successful", workload::count(json::get(o, "status"), "succeeded").to_string())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        columns::job(o, now)
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        workload::warnings(o)
    }
}

/// A job without labels has those of its pods. `before`: a name that it does not have any more.
fn copy_labels(o: &mut Value, before: &str) {
    let labels = json::at(o, &["spec", "template", "metadata", "labels"]).clone();
    let Some(metadata) = json::object_mut(o, "metadata").filter(|_| labels.is_object()) else {
        return;
    };
    let copied = !before.is_empty() && json::text(json::get(metadata, "labels"), NAME_LABEL) == before;
    if copied || json::same(metadata, &Value::Null, "labels") {
        json::set(metadata, "labels", labels);
    }
}

fn default_failure_policy(spec: &mut Value) {
    let Some(policy) = spec.get_mut("podFailurePolicy") else {
        return;
    };
    for rule in json::list_mut(policy, "rules") {
        for pattern in json::list_mut(rule, "onPodConditions") {
            json::fill_text(pattern, "status", "True");
        }
    }
}

/// Unless the user selects pods, they are selected by the job's uid, which no other pods have.
fn generate_selector(o: &mut Value, before: &str) {
    let (uid, name) = (json::text(json::get(o, "metadata"), "uid").to_owned(), metadata::name(o).to_owned());
    let Some(spec) = json::object_mut(o, "spec").filter(|spec| !json::flag(spec, "manualSelector")) else {
        return;
    };
    let labels = json::object_mut(spec, "template")
        .and_then(|template| json::object_mut(template, "metadata"))
        .and_then(|metadata| json::object_mut(metadata, "labels"));
    if let Some(labels) = labels {
        for (label, value) in [(UID_LABEL, &uid), (OLD_UID_LABEL, &uid), (NAME_LABEL, &name), (OLD_NAME_LABEL, &name)] {
            if !before.is_empty() && json::text(labels, label) == before {
                json::remove(labels, label);
            }
            // What a user wrote there stays, for validation to refuse.
            json::fill(labels, label, value.as_str());
        }
    }
    if let Some(selector) = json::object_mut(spec, "selector")
        && let Some(labels) = json::object_mut(selector, "matchLabels")
        && !json::has(labels, OLD_UID_LABEL)
    {
        json::fill(labels, UID_LABEL, uid);
    }
}

/// A selector that the server made is what it made.
fn generated_selector(o: &Value, errors: &mut Vec<FieldError>) {
    let spec = json::get(o, "spec");
    let selector = json::get(spec, "selector");
    if json::flag(spec, "manualSelector") || !selector.is_object() {
        return;
    }
    let uid = json::text(json::get(o, "metadata"), "uid");
    if uid.is_empty() {
        errors.push(FieldError::required(&Path::new("metadata").child("uid"), ""));
    }
    let template = json::at(spec, &["template", "metadata"]);
    let path = Path::new("spec").child("template").child("metadata").child("labels");
    let name = metadata::name(o);
    let expected = [(UID_LABEL, uid), (OLD_UID_LABEL, uid), (NAME_LABEL, name), (OLD_NAME_LABEL, name)];
    for (label, value) in expected {
        let detail = format!("must be '{value}'");
        match json::at(template, &["labels", label]).as_str() {
            None => errors.push(FieldError::required(&path.key(label), detail)),
            Some(there) if there != value => {
                errors.push(FieldError::invalid(&path.key(label), json::get(template, "labels").clone(), detail));
            }
            Some(_) => {}
        }
    }
    let labels = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    if workload::typed(selector).is_some_and(|selector| !selector.matches(&labels)) {
        let path = Path::new("spec").child("selector");
        errors.push(FieldError::invalid(&path, selector.clone(), "`selector` not auto-generated"));
    }
}

/// Checks all of a job's spec but its selector; also in the template of a cron job.
pub fn validate_spec(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    not_negative(spec, &counts, path, errors);
    managed_by(spec, path, errors);
    indexes(spec, path, errors);
    failure_policy::validate(spec, path, errors);
    success_policy::validate(spec, path, errors);
    let policies = ["Failed", "TerminatingOrFailed"];
    let allowed = if json::has(spec, "podFailurePolicy") { &policies[..1] } else { &policies[..] };
    optional_choice(spec, "podReplacementPolicy", allowed, path, errors);
    let (template, path) = (json::get(spec, "template"), path.child("template"));
    workload::pod_template(template, &path, errors);
    if json::text(json::get(template, "spec"), "restartPolicy") == "Always" {
        let detail = "valid values: \"OnFailure\", \"Never\"";
        errors.push(FieldError::required(&path.child("spec").child("restartPolicy"), detail));
    }
}

fn managed_by(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (who, path) = (json::text(spec, "managedBy"), path.child("managedBy"));
    if !json::has(spec, "managedBy") {
        return;
    }
    match who.split_once('/') {
        None => {
            errors.push(FieldError::invalid(&path, who, "must be a domain-prefixed path (such as \"acme.io/foo\")"))
        }
        Some((domain, _)) => grammar(domain, names::dns1123_subdomain(domain), &path, errors),
    }
    if who.len() > MAX_MANAGED_BY {
        errors.push(FieldError::too_long(&path, MAX_MANAGED_BY));
    }
}

/// What holds for indexed jobs, and for no others.
fn indexes(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    optional_choice(spec, "completionMode", &["NonIndexed", "Indexed"], path, errors);
    let per_index = json::has(spec, "backoffLimitPerIndex");
    if json::text(spec, "completionMode") == "Indexed" {
        let completions = json::int(spec, "completions");
        if completions.is_none() {
            errors.push(FieldError::required(&path.child("completions"), "when completion mode is Indexed"));
        }
        let at_most = |field, most: i64, detail: String, errors: &mut Vec<FieldError>| {
            if let Some(n) = json::int(spec, field).filter(|n| *n > most) {
                errors.push(FieldError::invalid(&path.child(field), n, detail));
            }
        };
        let detail = format!("must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed");
        at_most("parallelism", MAX_PARALLELISM, detail, errors);
        if let Some(completions) = completions {
            at_most("maxFailedIndexes", completions, "must be less than or equal to completions".to_owned(), errors);
            let detail = "when completions is above 100000";
            if per_index && completions > MAX_PARALLELISM && !json::has(spec, "maxFailedIndexes") {
                errors
                    .push(FieldError::required(&path.child("maxFailedIndexes"), format!("must be specified {detail}")));
            }
        }
    } else {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(n) = json::int(spec, field) {
                errors.push(FieldError::invalid(&path.child(field), n, "requires indexed completion mode"));
            }
        }
    }
    if json::has(spec, "maxFailedIndexes") && !per_index {
        let detail = "when maxFailedIndexes is specified";
        errors.push(FieldError::required(&path.child("backoffLimitPerIndex"), detail));
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
