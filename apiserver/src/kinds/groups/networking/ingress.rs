//! Ingress: which service answers which host and path.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::super::grammar::{host, optional_subdomain, required_segment};
use crate::kinds::checks::{grammar, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};

/// The name of a class before it was a field.
pub const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Class"),
    Column::text("Hosts"),
    Column::text("Address"),
    Column::text("Ports"),
    Column::AGE,
];

pub fn spec() -> Spec {
    let hooks = Declared {
        status: true,
        default: |o| {
            if let Some(status) = json::object_mut(o, "status") {
                json::object_mut(status, "loadBalancer");
            }
        },
        validate,
        validate_create,
        validate_status_update,
        cells: |o, now| {
            let spec = json::get(o, "spec");
            let class = json::text(spec, "ingressClassName");
            let ports = if json::list(spec, "tls").is_empty() { "80" } else { "80, 443" };
            vec![
                if class.is_empty() { "<none>" } else { class }.into(),
                hosts(spec).into(),
                addresses(o).into(),
                ports.into(),
                metadata::age(o, now).into(),
            ]
        },
        ..Declared::NOTHING
    };
    Spec {
        short_names: &["ing"],
        generations: true,
        columns: COLUMNS,
        subresources: &[Subresource::Status],
        ..Spec::core("Ingress", "ingresses", hooks)
    }
}

/// The first three hosts, and how many more there are.
fn hosts(spec: &Value) -> String {
    let hosts: Vec<&str> = json::list(spec, "rules").iter().map(|rule| json::text(rule, "host")).collect();
    let hosts: Vec<&str> = hosts.into_iter().filter(|host| !host.is_empty()).collect();
    match hosts.len() {
        0 => "*".to_owned(),
        1..=3 => hosts.join(","),
        more => format!("{} + {} more...", hosts[..3].join(","), more - 3),
    }
}

fn addresses(o: &Value) -> String {
    let ingress = json::list(json::at(o, &["status", "loadBalancer"]), "ingress").iter();
    let addresses: BTreeSet<&str> = ingress
        .map(|point| match json::text(point, "ip") {
            "" => json::text(point, "hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let rules = json::list(spec, "rules");
    let default = json::has(spec, "defaultBackend");
    if rules.is_empty() && !default {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid(&path, rules.to_vec(), detail));
    }
    if default {
        backend(json::get(spec, "defaultBackend"), &path.child("defaultBackend"), errors);
    }
    for (i, rule) in rules.iter().enumerate() {
        self::rule(rule, &path.child("rules").index(i), errors);
    }
    for (i, tls) in json::list(spec, "tls").iter().enumerate() {
        let path = path.child("tls").index(i);
        for (i, name) in json::list(tls, "hosts").iter().enumerate() {
            host(name.as_str().unwrap_or(""), &path.child("hosts").index(i), errors);
        }
        optional_subdomain(tls, "secretName", &path, errors);
    }
    optional_subdomain(spec, "ingressClassName", &path, errors);
}

/// A class may be named in either way, but not two of them.
fn validate_create(o: &Value, errors: &mut Vec<FieldError>) {
    let annotated = json::text(json::at(o, &["metadata", "annotations"]), CLASS_ANNOTATION);
    let class = json::text(json::get(o, "spec"), "ingressClassName");
    if !annotated.is_empty() && !class.is_empty() && annotated != class {
        let detail = "must match `ingressClassName` when both are specified";
        errors.push(FieldError::invalid(&Path::new("annotations").child(CLASS_ANNOTATION), annotated, detail));
    }
}

fn rule(rule: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let name = json::text(rule, "host");
    if !name.is_empty() {
        let path = path.child("host");
        if names::ip_address(name).is_empty() {
            errors.push(FieldError::invalid(&path, name, "must be a DNS name, not an IP address"));
        }
        host(name, &path, errors);
    }
    if json::has(rule, "http") {
        let path = path.child("http").child("paths");
        let paths = json::list(json::get(rule, "http"), "paths");
        if paths.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
        for (i, http) in paths.iter().enumerate() {
            http_path(http, &path.index(i), errors);
        }
    }
}

fn http_path(http: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if json::text(http, "pathType").is_empty() {
        errors.push(FieldError::required(&path.child("pathType"), "pathType must be specified"));
        return;
    }
    let (given, at) = (json::text(http, "path"), path.child("path"));
    let mut wrong = |detail: String| errors.push(FieldError::invalid(&at, given, detail));
    match json::text(http, "pathType") {
        "Exact" | "Prefix" => {
            if !given.starts_with('/') {
                wrong("must be an absolute path".to_owned());
            }
            for sequence in ["//", "/./", "/../", "%2f", "%2F"].iter().filter(|sequence| given.contains(**sequence)) {
                wrong(format!("must not contain '{sequence}'"));
            }
            for end in ["/..", "/."].iter().filter(|end| given.ends_with(**end)) {
                wrong(format!("cannot end with '{end}'"));
            }
        }
        "ImplementationSpecific" => {
            if !given.is_empty() && !given.starts_with('/') {
                wrong("must be an absolute path".to_owned());
            }
        }
        other => {
            let supported = ["Exact", "ImplementationSpecific", "Prefix"];
            errors.push(FieldError::not_supported(&path.child("pathType"), other, &supported));
        }
    }
    backend(json::get(http, "backend"), &path.child("backend"), errors);
}

fn backend(backend: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let service = json::get(backend, "service");
    match (json::has(backend, "resource"), json::has(backend, "service")) {
        (true, true) => {
            errors.push(FieldError::invalid(path, "", "cannot set both resource and service backends"));
        }
        (true, false) => {
            let (resource, path) = (json::get(backend, "resource"), path.child("resource"));
            optional_subdomain(resource, "apiGroup", &path, errors);
            required_segment(resource, "kind", &path, errors);
            required_segment(resource, "name", &path, errors);
        }
        (false, true) => service_backend(service, path, errors),
        (false, false) => {
            errors.push(FieldError::invalid(path, "", "resource or service backend is required"));
        }
    }
}

fn service_backend(service: &Value, backend: &Path, errors: &mut Vec<FieldError>) {
    let path = backend.child("service");
    if required_text(service, "name", &path, errors) {
        let name = json::text(service, "name");
        grammar(name, names::dns1123_label(name), &path.child("name"), errors);
    }
    let port = json::get(service, "port");
    let (name, number, path) = (json::text(port, "name"), json::int(port, "number").unwrap_or(0), path.child("port"));
    match (name, number) {
        ("", 0) => errors.push(FieldError::required(backend, "port name or number is required")),
        ("", number) => {
            let found = names::port_number(number).into_iter();
            errors.extend(found.map(|message| FieldError::invalid(&path.child("number"), number, message)));
        }
        (name, 0) => grammar(name, names::port_name(name), &path.child("name"), errors),
        _ => errors.push(FieldError::invalid(backend, "", "cannot set both port name & port number")),
    }
}

fn validate_status_update(new: &Value, _old: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("status").child("loadBalancer").child("ingress");
    for (i, point) in json::list(json::at(new, &["status", "loadBalancer"]), "ingress").iter().enumerate() {
        let (ip, hostname, path) = (json::text(point, "ip"), json::text(point, "hostname"), path.index(i));
        if !ip.is_empty() {
            grammar(ip, names::ip_address(ip), &path.child("ip"), errors);
        }
        if !hostname.is_empty() {
            let path = path.child("hostname");
            grammar(hostname, names::dns1123_subdomain(hostname), &path, errors);
            if names::ip_address(hostname).is_empty() {
                errors.push(FieldError::invalid(&path, hostname, "must be a DNS name, not an IP address"));
            }
        }
    }
}

#[cfg(test)]
#[path = "ingress_tests.rs"]
mod tests;
