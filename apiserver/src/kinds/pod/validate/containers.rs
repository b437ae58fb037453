//! Containers of all three sorts: their names, images, ports and mounts.

use crate::kinds::checks::port_number;
use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::of::Errors;
use super::of::Of;
use super::volumes::Volumes;
use super::{env, probes, resources, restart, security};
use crate::kinds::checks::{choice, grammar, local_path, optional_choice, required_text};
use crate::kinds::json;

/// Checks `containers`, `initContainers` and `ephemeralContainers` of the spec at `path`.
pub fn containers(spec: &Value, path: &Path, volumes: &Volumes, of: Of, errors: &mut Errors) {
    let context = Context { volumes, of, grace: json::int(spec, "terminationGracePeriodSeconds").unwrap_or(30) };
    let mut names = BTreeSet::new();
    let mut host_ports = BTreeSet::new();
    let regular = json::list(spec, "containers");
    if regular.is_empty() {
        errors.push(FieldError::required(&path.child("containers"), ""));
    }
    let list = path.child("containers");
    for (i, container) in regular.iter().enumerate() {
        let path = list.index(i);
        context.container(container, &path, &mut names, errors);
        conflicting_host_ports(container, &path, &mut host_ports, errors);
        restart::restart(container, &path, errors);
        probes::lifecycle(container, &path, context.grace, errors);
        probes::probes(container, &path, errors);
    }
    let list = path.child("initContainers");
    for (i, container) in json::list(spec, "initContainers").iter().enumerate() {
        let path = list.index(i);
        context.container(container, &path, &mut names, errors);
        restart::restart(container, &path, errors);
        if json::text(container, "restartPolicy") == "Always" {
            conflicting_host_ports(container, &path, &mut host_ports, errors);
            probes::lifecycle(container, &path, context.grace, errors);
            probes::probes(container, &path, errors);
        } else {
            context.init_container(container, &path, errors);
        }
    }
    ephemeral_on_create(spec, path, of, &mut names, errors);
}

/// Ephemeral containers join a running pod; a new one has none.
fn ephemeral_on_create(spec: &Value, path: &Path, of: Of, names: &mut BTreeSet<String>, errors: &mut Errors) {
    let list = path.child("ephemeralContainers");
    for (i, container) in json::list(spec, "ephemeralContainers").iter().enumerate() {
        let path = list.index(i);
        if of == Of::Template {
            errors.push(FieldError::forbidden(&list, "ephemeral containers not allowed in pod template"));
            return;
        }
        name(container, &path, names, errors);
        required_text(container, "image", &path, errors);
    }
}

struct Context<'a> {
    volumes: &'a Volumes<'a>,
    of: Of,
    /// The pod's time to end, in seconds.
    grace: i64,
}

fn name(container: &Value, path: &Path, names: &mut BTreeSet<String>, errors: &mut Errors) {
    if !required_text(container, "name", path, errors) {
        return;
    }
    let name = json::text(container, "name");
    let path = path.child("name");
    grammar(name, names::dns1123_label(name), &path, errors);
    if !names.insert(name.to_owned()) {
        errors.push(FieldError::duplicate(&path, name));
    }
}

impl Context<'_> {
    fn container(&self, container: &Value, path: &Path, names: &mut BTreeSet<String>, errors: &mut Errors) {
        name(container, path, names, errors);
        if required_text(container, "image", path, errors) {
            let image = json::text(container, "image");
            if self.of == Of::Pod && image.trim() != image {
                let detail = "must not have leading or trailing whitespace";
                errors.push(FieldError::invalid(&path.child("image"), image, detail));
            }
        }
        choice(container, "terminationMessagePolicy", &["FallbackToLogsOnError", "File"], path, errors);
        choice(container, "imagePullPolicy", &["Always", "IfNotPresent", "Never"], path, errors);
        ports(container, &path.child("ports"), errors);
        env::env(container, path, errors);
        self.mounts(container, path, errors);
        let resources = json::get(container, "resources");
        resources::resources(resources, &path.child("resources"), errors);
        resources::resize_policy(container, &path.child("resizePolicy"), errors);
        security::security_context(container, &path.child("securityContext"), errors);
    }

    /// What an init container may not have, since it ends before the pod starts.
    fn init_container(&self, container: &Value, path: &Path, errors: &mut Errors) {
        let detail = "may not be set for init containers without restartPolicy=Always";
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if json::has(container, field) {
                errors.push(FieldError::forbidden(&path.child(field), detail));
            }
        }
    }

    fn mounts(&self, container: &Value, path: &Path, errors: &mut Errors) {
        let mut taken = BTreeSet::new();
        let list = path.child("volumeMounts");
        for (i, mount) in json::list(container, "volumeMounts").iter().enumerate() {
            let path = list.index(i);
            if required_text(mount, "name", &path, errors) {
                let name = json::text(mount, "name");
                if !self.volumes.has(name) {
                    errors.push(FieldError::not_found(&path.child("name"), name));
                }
            }
            required_text(mount, "mountPath", &path, errors);
            let target = json::text(mount, "mountPath");
            if !taken.insert(target) {
                errors.push(FieldError::invalid(&path.child("mountPath"), target, "must be unique"));
            }
            sub_path(mount, &path, errors);
            let propagation = ["Bidirectional", "HostToContainer", "None"];
            optional_choice(mount, "mountPropagation", &propagation, &path, errors);
            let privileged = json::flag(json::get(container, "securityContext"), "privileged");
            if json::text(mount, "mountPropagation") == "Bidirectional" && !privileged {
                let detail = "Bidirectional mount propagation is available only to privileged containers";
                errors.push(FieldError::forbidden(&path.child("mountPropagation"), detail));
            }
        }
    }
}

fn sub_path(mount: &Value, path: &Path, errors: &mut Errors) {
    let (sub, expression) = (json::text(mount, "subPath"), json::text(mount, "subPathExpr"));
    local_path(sub, &path.child("subPath"), errors);
    local_path(expression, &path.child("subPathExpr"), errors);
    if !sub.is_empty() && !expression.is_empty() {
        let detail = "subPathExpr and subPath are mutually exclusive";
        errors.push(FieldError::invalid(&path.child("subPathExpr"), expression, detail));
    }
}

fn ports(container: &Value, list: &Path, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for (i, port) in json::list(container, "ports").iter().enumerate() {
        let path = list.index(i);
        let name = json::text(port, "name");
        if !name.is_empty() {
            let path = path.child("name");
            let found = names::port_name(name);
            if found.is_empty() && !names.insert(name) {
                errors.push(FieldError::duplicate(&path, name));
            }
            grammar(name, found, &path, errors);
        }
        match json::int(port, "containerPort").unwrap_or(0) {
            0 => errors.push(FieldError::required(&path.child("containerPort"), "")),
            number => port_number(number, &path.child("containerPort"), errors),
        }
        match json::int(port, "hostPort").unwrap_or(0) {
            0 => {}
            number => port_number(number, &path.child("hostPort"), errors),
        }
        let ip = json::text(port, "hostIP");
        if !ip.is_empty() {
            grammar(ip, names::ip_address(ip), &path.child("hostIP"), errors);
        }
        choice(port, "protocol", &["SCTP", "TCP", "UDP"], &path, errors);
    }
}

/// Two containers of a pod cannot have the same port of the host.
fn conflicting_host_ports(container: &Value, path: &Path, taken: &mut BTreeSet<String>, errors: &mut Errors) {
    for (i, port) in json::list(container, "ports").iter().enumerate() {
        let number = json::int(port, "hostPort").unwrap_or(0);
        if number == 0 {
            continue;
        }
        let (protocol, ip) = (json::text(port, "protocol"), json::text(port, "hostIP"));
        let key = format!("{protocol}/{ip}/{number}");
        if taken.contains(&key) {
            let path = path.child("ports").index(i).child("hostPort");
            errors.push(FieldError::duplicate(&path, key));
        } else {
            taken.insert(key);
        }
    }
}
