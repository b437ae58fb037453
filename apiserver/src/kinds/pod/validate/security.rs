//! Security contexts of a pod and of its containers.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::of::Errors;
use crate::kinds::checks::{local_path, optional_choice, required_text};
use crate::kinds::json;

/// Largest user and group id.
const MAX_ID: i64 = u32::MAX as i64;

fn id(o: &Value, field: &'static str, path: &Path, errors: &mut Errors) {
    if let Some(value) = json::int(o, field) {
        for message in names::in_range(value, 0, MAX_ID) {
            errors.push(FieldError::invalid(&path.child(field), value, message));
        }
    }
}

/// Checks `securityContext` and the shared namespaces of the pod spec at `path`.
pub fn pod_security_context(spec: &Value, path: &Path, errors: &mut Errors) {
    if json::flag(spec, "shareProcessNamespace") && json::flag(spec, "hostPID") {
        let path = path.child("shareProcessNamespace");
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(FieldError::invalid(&path, true, detail));
    }
    let context = json::get(spec, "securityContext");
    let path = path.child("securityContext");
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        id(context, field, &path, errors);
    }
    for (i, group) in json::list(context, "supplementalGroups").iter().enumerate() {
        let group = group.as_i64().unwrap_or(-1);
        for message in names::in_range(group, 0, MAX_ID) {
            let path = path.child("supplementalGroups").index(i);
            errors.push(FieldError::invalid(&path, group, message));
        }
    }
    optional_choice(context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"], &path, errors);
    optional_choice(context, "supplementalGroupsPolicy", &["Merge", "Strict"], &path, errors);
    let mut seen: Vec<&str> = vec![];
    for (i, sysctl) in json::list(context, "sysctls").iter().enumerate() {
        let path = path.child("sysctls").index(i);
        if required_text(sysctl, "name", &path, errors) {
            let name = json::text(sysctl, "name");
            if seen.contains(&name) {
                errors.push(FieldError::duplicate(&path.child("name"), name));
            }
            seen.push(name);
            host_sysctl(spec, name, &path.child("name"), errors);
        }
    }
    profiles(context, &path, errors);
}

/// The host's namespaces are not a pod's to tune.
fn host_sysctl(spec: &Value, name: &str, path: &Path, errors: &mut Errors) {
    let dotted = name.replace('/', ".");
    let of_ipc =
        ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."].iter().any(|prefix| dotted.starts_with(prefix));
    for (shared, concerned) in [("hostNetwork", dotted.starts_with("net.")), ("hostIPC", of_ipc)] {
        if concerned && json::flag(spec, shared) {
            errors.push(FieldError::invalid(path, name, format!("may not be specified when '{shared}' is true")));
        }
    }
}

/// Checks the security context at `path` of `container`.
pub fn security_context(container: &Value, path: &Path, errors: &mut Errors) {
    if !json::has(container, "securityContext") {
        return;
    }
    let context = json::get(container, "securityContext");
    id(context, "runAsUser", path, errors);
    id(context, "runAsGroup", path, errors);
    optional_choice(context, "procMount", &["Default", "Unmasked"], path, errors);
    let escalates = json::get(context, "allowPrivilegeEscalation");
    if escalates == &Value::Bool(false) {
        let refuse = |why: &str| {
            let detail = format!("cannot set `allowPrivilegeEscalation` to false and {why}");
            FieldError::invalid(path, context.clone(), detail)
        };
        if json::flag(context, "privileged") {
            errors.push(refuse("`privileged` to true"));
        }
        let added = json::list(json::get(context, "capabilities"), "add");
        if added.iter().any(|capability| capability == "CAP_SYS_ADMIN") {
            errors.push(refuse("`capabilities.Add` CAP_SYS_ADMIN"));
        }
    }
    profiles(context, path, errors);
}

fn profiles(context: &Value, path: &Path, errors: &mut Errors) {
    for field in ["seccompProfile", "appArmorProfile"] {
        if !json::has(context, field) {
            continue;
        }
        let (profile, path) = (json::get(context, field), path.child(field));
        let type_ = json::text(profile, "type");
        if type_.is_empty() {
            errors.push(FieldError::required(&path.child("type"), "type is required when seccompProfile is set"));
        }
        optional_choice(profile, "type", &["Localhost", "RuntimeDefault", "Unconfined"], &path, errors);
        let local = json::text(profile, "localhostProfile");
        match (type_, local.is_empty()) {
            ("Localhost", true) => {
                let detail = "must be set when seccomp type is Localhost";
                errors.push(FieldError::required(&path.child("localhostProfile"), detail));
            }
            ("Localhost", false) => local_path(local, &path.child("localhostProfile"), errors),
            (_, false) => {
                let detail = "can only be set when seccomp type is Localhost";
                errors.push(FieldError::invalid(&path.child("localhostProfile"), local, detail));
            }
            _ => {}
        }
    }
}
