//! What is wrong with a definition as a whole: its group, names and scope, and its versions together.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::conditions::full_name;
use super::protected::{APPROVAL, is_protected};
use super::{is, schema, versions};
use crate::kinds::checks::one_of;
use crate::kinds::{json, metadata};

pub fn definition(o: &Value) -> Vec<FieldError> {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let mut errors = vec![];
    if metadata::name(o) != full_name(o) {
        let path = Path::new("metadata").child("name");
        errors.push(FieldError::invalid(&path, metadata::name(o), "must be spec.names.plural+\".\"+spec.group"));
    }
    group(o, json::text(spec, "group"), &path.child("group"), &mut errors);
    one_of(json::text(spec, "scope"), &["Cluster", "Namespaced"], &path.child("scope"), &mut errors);
    if json::flag(spec, "preserveUnknownFields") {
        errors.push(FieldError::invalid(&path.child("preserveUnknownFields"), true, "must be false"));
    }
    all_versions(spec, &path.child("versions"), &mut errors);
    of_names(json::get(spec, "names"), &path.child("names"), &mut errors);
    conversion(json::get(spec, "conversion"), &path.child("conversion"), &mut errors);
    errors
}

fn group(o: &Value, group: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if group.is_empty() {
        return errors.push(FieldError::required(path, ""));
    }
    errors.extend(names::dns1123_subdomain(group).into_iter().map(|fault| FieldError::invalid(path, group, fault)));
    if !group.contains('.') {
        errors.push(FieldError::invalid(path, group, "should be a domain with at least one dot"));
    }
    let annotations = json::at(o, &["metadata", "annotations"]);
    if is_protected(group) && json::text(annotations, APPROVAL).is_empty() {
        let path = Path::new("metadata").child("annotations").key(APPROVAL);
        let detail = format!(
            "protected groups must have approval annotation {APPROVAL:?}, see https://github.com/kubernetes/enhancements/pull/1111"
        );
        errors.push(FieldError::required(&path, detail));
    }
}

fn all_versions(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let all = json::list(spec, "versions");
    if all.is_empty() {
        errors.push(FieldError::required(path, "must have at least one version"));
        return;
    }
    let mut seen = vec![];
    for (i, version) in all.iter().enumerate() {
        let name = json::text(version, "name");
        let at = path.index(i);
        let faults = names::dns1035_label(name);
        errors.extend(faults.into_iter().map(|fault| FieldError::invalid(&at.child("name"), name, fault)));
        if seen.contains(&name) {
            errors.push(FieldError::invalid(path, all.to_vec(), "must contain unique version names"));
        }
        seen.push(name);
        versions::version(version, &at, errors);
    }
    if all.iter().filter(|version| json::flag(version, "storage")).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid(path, all.to_vec(), detail));
    }
}

fn of_names(given: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for field in ["plural", "singular", "kind", "listKind"] {
        let name = json::text(given, field);
        let at = path.child(field);
        if name.is_empty() {
            errors.push(FieldError::required(&at, ""));
            continue;
        }
        let of_kind = matches!(field, "kind" | "listKind");
        let faults = names::dns1035_label(&if of_kind { name.to_lowercase() } else { name.to_owned() });
        if of_kind && !faults.is_empty() {
            let detail = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
            errors.push(FieldError::invalid(&at, name, detail));
        } else {
            errors.extend(faults.into_iter().map(|fault| FieldError::invalid(&at, name, fault)));
        }
    }
    let (kind, list) = (json::text(given, "kind"), json::text(given, "listKind"));
    if !kind.is_empty() && kind == list {
        errors.push(FieldError::invalid(&path.child("listKind"), list, "kind and listKind may not be the same"));
    }
    for field in ["shortNames", "categories"] {
        for (i, name) in json::list(given, field).iter().filter_map(Value::as_str).enumerate() {
            let at = path.child(field).index(i);
            errors.extend(names::dns1035_label(name).into_iter().map(|fault| FieldError::invalid(&at, name, fault)));
        }
    }
}

fn conversion(conversion: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    one_of(json::text(conversion, "strategy"), &["None", "Webhook"], &path.child("strategy"), errors);
    let webhook = json::get(conversion, "webhook");
    match json::text(conversion, "strategy") {
        "Webhook" => {
            let at = path.child("webhook");
            if webhook.is_null() {
                return errors.push(FieldError::required(&at, "required when strategy is set to Webhook"));
            }
            if json::get(webhook, "clientConfig").is_null() {
                let detail = "required when strategy is set to Webhook";
                errors.push(FieldError::required(&at.child("clientConfig"), detail));
            }
            if json::list(webhook, "conversionReviewVersions").is_empty() {
                errors.push(FieldError::required(&at.child("conversionReviewVersions"), ""));
            }
        }
        _ if !webhook.is_null() => {
            let detail = "should not be set when strategy is not set to Webhook";
            errors.push(FieldError::forbidden(&path.child("webhook"), detail));
        }
        _ => {}
    }
}

/// What is wrong with rules in CEL. A schema that has them already keeps them: what was let in once can be changed elsewhere.
pub fn rules(o: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = vec![];
    let schema_of = |version: &'_ Value| json::at(version, &["schema", "openAPIV3Schema"]).clone();
    let before: Vec<Value> = old
        .map(|old| json::list(json::get(old, "spec"), "versions").iter().map(schema_of).collect())
        .unwrap_or_default();
    for (i, version) in json::list(json::get(o, "spec"), "versions").iter().enumerate() {
        let of_version = schema_of(version);
        if !before.contains(&of_version) {
            let at = Path::new("spec").child("versions").index(i).child("schema").child("openAPIV3Schema");
            schema::check_rules(&of_version, &at, &mut errors);
        }
    }
    errors
}

/// What may not change once objects may be there.
pub fn update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = stored_versions(new);
    let (spec, before, path) = (json::get(new, "spec"), json::get(old, "spec"), Path::new("spec"));
    let fields: &[&[&'static str]] = if is(old, "Established") {
        &[&["group"], &["scope"], &["names", "kind"], &["names", "plural"]]
    } else {
        &[&["group"], &["names", "plural"]]
    };
    for field in fields {
        let value = json::at(spec, field);
        if !json::equivalent(value, json::at(before, field)) {
            let path = field.iter().fold(path.clone(), |path, step| path.child(step));
            errors.push(metadata::immutable(&path, value));
        }
    }
    errors
}

/// Objects may be stored in these versions; none of them may vanish from the definition before they have.
pub fn stored_versions(o: &Value) -> Vec<FieldError> {
    let status = Path::new("status").child("storedVersions");
    let versions: Vec<&str> =
        json::list(json::get(o, "spec"), "versions").iter().map(|version| json::text(version, "name")).collect();
    let stored: Vec<&str> =
        json::list(json::get(o, "status"), "storedVersions").iter().filter_map(Value::as_str).collect();
    let mut errors = vec![];
    if stored.is_empty() {
        errors.push(FieldError::invalid(&status, Vec::<Value>::new(), "must have at least one stored version"));
    }
    for (i, version) in stored.iter().enumerate().filter(|(_, version)| !versions.contains(version)) {
        let detail = format!(
            "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions \
             until a storage migration ensures no data remains persisted in {version} and removes {version} from \
             status.storedVersions"
        );
        errors.push(FieldError::invalid(&status.index(i), *version, detail));
    }
    if let Some(current) = super::storage_version(o).filter(|current| !stored.contains(current)) {
        let detail = format!("must have the storage version {current}");
        errors.push(FieldError::invalid(&status, Value::from(stored), detail));
    }
    errors
}
