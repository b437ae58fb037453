//! Volumes and their sources.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::quantity::Quantity;

use super::env;
use super::of::Errors;
use crate::kinds::checks::{grammar, local_path, no_step_back, optional_choice, required_text};
use crate::kinds::{claims, json, metadata};

/// Values of `hostPath.type`, besides none at all.
pub const HOST_PATH_TYPES: [&str; 7] =
    ["BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// The names of a pod's volumes.
pub struct Volumes<'a>(BTreeSet<&'a str>);

impl Volumes<'_> {
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Checks the volumes of a pod spec; their list is at `list`.
pub fn volumes<'a>(spec: &'a Value, list: &Path, errors: &mut Errors) -> Volumes<'a> {
    let mut names = BTreeSet::new();
    for (i, volume) in json::list(spec, "volumes").iter().enumerate() {
        let path = list.index(i);
        if required_text(volume, "name", &path, errors) {
            let name = json::text(volume, "name");
            let path = path.child("name");
            grammar(name, names::dns1123_label(name), &path, errors);
            if !names.insert(name) {
                errors.push(FieldError::duplicate(&path, name));
            }
        }
        sources(volume, &path, errors);
    }
    Volumes(names)
}

fn sources(volume: &Value, path: &Path, errors: &mut Errors) {
    let fields = volume.as_object().into_iter().flatten();
    let mut given = fields.filter(|(key, value)| *key != "name" && !value.is_null());
    let Some((source, value)) = given.next() else {
        errors.push(FieldError::required(path, "must specify a volume type"));
        return;
    };
    for (more, _) in given {
        let detail = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(&path.field(more), detail));
    }
    let path = path.field(source);
    match source.as_str() {
        "emptyDir" => size_limit(value, &path, errors),
        "hostPath" => host_path(value, &path, errors),
        "secret" => {
            required_text(value, "secretName", &path, errors);
            files(value, &path, errors);
        }
        "configMap" => {
            required_text(value, "name", &path, errors);
            files(value, &path, errors);
        }
        "downwardAPI" => {
            mode(value, "defaultMode", &path, errors);
            downward_items(value, &path, errors);
        }
        "projected" => projected(value, &path, errors),
        "persistentVolumeClaim" => {
            required_text(value, "claimName", &path, errors);
        }
        "nfs" => {
            required_text(value, "server", &path, errors);
            required_text(value, "path", &path, errors);
            if !json::text(value, "path").starts_with('/') {
                let path = path.child("path");
                let detail = "must be an absolute path";
                errors.push(FieldError::invalid(&path, json::text(value, "path"), detail));
            }
        }
        "csi" => {
            required_text(value, "driver", &path, errors);
        }
        "ephemeral" => ephemeral(value, &path, errors),
        _ => {}
    }
}

/// A claim that is made for the pod.
fn ephemeral(value: &Value, path: &Path, errors: &mut Errors) {
    let (template, path) = (json::get(value, "volumeClaimTemplate"), path.child("volumeClaimTemplate"));
    if template.is_null() {
        errors.push(FieldError::required(&path, ""));
        return;
    }
    let metadata = path.child("metadata");
    for (field, _) in json::map(template, "metadata").into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        if !matches!(field.as_str(), "annotations" | "labels") {
            let detail = "cannot be set for an ephemeral volume";
            errors.push(FieldError::forbidden(&metadata.field(field), detail));
        }
    }
    errors.extend(metadata::validate_labels(json::get(template, "metadata"), "labels", &metadata));
    claims::validate_spec(json::get(template, "spec"), &path.child("spec"), errors);
}

fn size_limit(value: &Value, path: &Path, errors: &mut Errors) {
    if !json::has(value, "sizeLimit") {
        return;
    }
    let path = path.child("sizeLimit");
    let text = match json::get(value, "sizeLimit") {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.parse::<Quantity>() {
        Ok(limit) if limit.is_negative() => {
            let detail = "SizeLimit field must be a valid resource quantity";
            errors.push(FieldError::forbidden(&path, detail));
        }
        Ok(_) => {}
        Err(error) => errors.push(FieldError::invalid(&path, text, error.to_string())),
    }
}

fn host_path(value: &Value, path: &Path, errors: &mut Errors) {
    if required_text(value, "path", path, errors) {
        no_step_back(json::text(value, "path"), &path.child("path"), errors);
    }
    optional_choice(value, "type", &HOST_PATH_TYPES, path, errors);
}

/// Permission bits, 0 to 0777.
fn mode(o: &Value, field: &'static str, path: &Path, errors: &mut Errors) {
    if let Some(mode) = json::int(o, field).filter(|mode| !(0..=0o777).contains(mode)) {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(FieldError::invalid(&path.child(field), mode, detail));
    }
}

/// Files made from keys: their modes, keys and paths.
fn files(value: &Value, path: &Path, errors: &mut Errors) {
    mode(value, "defaultMode", path, errors);
    for (i, item) in json::list(value, "items").iter().enumerate() {
        let path = path.child("items").index(i);
        required_text(item, "key", &path, errors);
        file_path(item, &path, errors);
    }
}

fn file_path(item: &Value, path: &Path, errors: &mut Errors) {
    if required_text(item, "path", path, errors) {
        let (value, path) = (json::text(item, "path"), path.child("path"));
        local_path(value, &path, errors);
        if value.starts_with("..") && value.split('/').next() != Some("..") {
            errors.push(FieldError::invalid(&path, value, "must not start with '..'"));
        }
    }
    mode(item, "mode", path, errors);
}

fn downward_items(value: &Value, path: &Path, errors: &mut Errors) {
    const FIELDS: [&str; 5] =
        ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
    for (i, item) in json::list(value, "items").iter().enumerate() {
        let path = path.child("items").index(i);
        file_path(item, &path, errors);
        match (json::has(item, "fieldRef"), json::has(item, "resourceFieldRef")) {
            (true, true) => {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(FieldError::invalid(&path, "resource", detail));
            }
            (true, false) => {
                let field = json::get(item, "fieldRef");
                env::field_ref(field, &path.child("fieldRef"), &FIELDS, errors);
            }
            (false, true) => {
                let (field, path) = (json::get(item, "resourceFieldRef"), path.child("resourceFieldRef"));
                required_text(field, "containerName", &path, errors);
                env::resource_field_ref(field, &path, errors);
            }
            (false, false) => {
                let detail = "one of fieldRef and resourceFieldRef is required";
                errors.push(FieldError::required(&path.child("fieldRef"), detail));
            }
        }
    }
}

fn projected(value: &Value, path: &Path, errors: &mut Errors) {
    const KINDS: [&str; 6] =
        ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];
    mode(value, "defaultMode", path, errors);
    for (i, source) in json::list(value, "sources").iter().enumerate() {
        let path = path.child("sources").index(i);
        let given: Vec<&'static str> = KINDS.into_iter().filter(|k| json::has(source, k)).collect();
        if given.is_empty() {
            errors.push(FieldError::required(&path, "must specify one of the source types"));
        }
        for more in given.iter().skip(1) {
            let detail = "may not specify more than 1 volume type per source";
            errors.push(FieldError::forbidden(&path.child(more), detail));
        }
        for kind in given {
            let (o, path) = (json::get(source, kind), path.child(kind));
            match kind {
                "secret" | "configMap" => {
                    required_text(o, "name", &path, errors);
                    files(o, &path, errors);
                }
                "downwardAPI" => downward_items(o, &path, errors),
                "serviceAccountToken" => token(o, &path, errors),
                _ => {}
            }
        }
    }
}

fn token(o: &Value, path: &Path, errors: &mut Errors) {
    let seconds = json::int(o, "expirationSeconds").unwrap_or(3600);
    let detail = match seconds {
        ..600 => "may not specify a duration less than 10 minutes",
        s if s > 1 << 32 => "may not specify a duration larger than 2^32 seconds",
        _ => "",
    };
    if !detail.is_empty() {
        errors.push(FieldError::invalid(&path.child("expirationSeconds"), seconds, detail));
    }
    if required_text(o, "path", path, errors) {
        local_path(json::text(o, "path"), &path.child("path"), errors);
    }
}
