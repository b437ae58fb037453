//! Service: one name and address for many pods. Stored and checked; nothing routes to it yet, and no address is given out.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Column, Hooks, json, metadata};
use crate::kinds::checks::{grammar, optional_choice, required_text};

/// How long a client stays with its pod under `ClientIP` affinity, in seconds: by default, and at most.
const AFFINITY_SECONDS: i64 = 10_800;
const MAX_AFFINITY_SECONDS: i64 = 86_400;

pub struct Service;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Type"),
    Column::text("Cluster-IP"),
    Column::text("External-IP"),
    Column::text("Port(s)"),
    Column::AGE,
    Column::wide("Selector"),
];

impl Hooks for Service {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        json::fill_text(spec, "type", "ClusterIP");
        affinity(spec);
        for port in json::list_mut(spec, "ports") {
            json::fill_text(port, "protocol", "TCP");
            let target = json::get(port, "targetPort");
            if target.is_null() || target == 0 || target == "" {
                let number = json::get(port, "port").clone();
                json::set(port, "targetPort", number);
            }
        }
        let external = !json::list(spec, "externalIPs").is_empty();
        let type_ = json::text(spec, "type").to_owned();
        if matches!(&*type_, "NodePort" | "LoadBalancer") || (type_ == "ClusterIP" && external) {
            json::fill_text(spec, "externalTrafficPolicy", "Cluster");
        }
        if type_ != "ExternalName" {
            json::fill_text(spec, "internalTrafficPolicy", "Cluster");
        }
        if type_ == "LoadBalancer" {
            json::fill(spec, "allocateLoadBalancerNodePorts", true);
        }
        both_addresses(spec);
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", json!({"loadBalancer": {}}));
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        names::dns1035_label(name)
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        ports(spec, &path, &mut errors);
        errors.extend(metadata::validate_labels(spec, "selector", &path));
        optional_choice(spec, "sessionAffinity", &["ClientIP", "None"], &path, &mut errors);
        let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        optional_choice(spec, "type", &types, &path, &mut errors);
        optional_choice(spec, "externalTrafficPolicy", &["Cluster", "Local"], &path, &mut errors);
        optional_choice(spec, "internalTrafficPolicy", &["Cluster", "Local"], &path, &mut errors);
        affinity_seconds(spec, &path, &mut errors);
        addresses(spec, &path, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
        let (now, before) = (json::text(new, "clusterIP"), json::text(old, "clusterIP"));
        let external = |spec| json::text(spec, "type") == "ExternalName";
        if before.is_empty() || now == before || external(old) || external(new) {
            return vec![];
        }
        let path = Path::new("spec").child("clusterIPs").index(0);
        vec![FieldError::invalid(&path, now, "may not change once set")]
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["spec.clusterIP", "spec.type"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        let spec = json::get(o, "spec");
        vec![
            ("spec.clusterIP", json::text(spec, "clusterIP").to_owned()),
            ("spec.type", json::text(spec, "type").to_owned()),
        ]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let spec = json::get(o, "spec");
        let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
        let selector: Vec<String> = json::texts(spec, "selector").map(|(k, v)| format!("{k}={v}")).collect();
        [
            metadata::name(o).to_owned(),
            json::text(spec, "type").to_owned(),
            or_none(json::text(spec, "clusterIP").to_owned()),
            external_address(o),
            or_none(port_words(spec)),
            metadata::age(o, now),
            or_none(selector.join(",")),
        ]
        .into_iter()
        .map(Value::from)
        .collect()
    }
}

fn affinity(spec: &mut Value) {
    json::fill_text(spec, "sessionAffinity", "None");
    if json::text(spec, "sessionAffinity") == "None" {
        json::remove(spec, "sessionAffinityConfig");
    } else {
        let client = json::object_mut(spec, "sessionAffinityConfig").and_then(|c| json::object_mut(c, "clientIP"));
        if let Some(client) = client {
            json::fill(client, "timeoutSeconds", AFFINITY_SECONDS);
        }
    }
}

/// `clusterIP` is the first of `clusterIPs`.
fn both_addresses(spec: &mut Value) {
    let one = json::text(spec, "clusterIP").to_owned();
    let first = json::list(spec, "clusterIPs").first().and_then(Value::as_str).map(str::to_owned);
    match (one.is_empty(), first) {
        (false, None) => json::set(spec, "clusterIPs", vec![one]),
        (true, Some(first)) => json::set(spec, "clusterIP", first),
        _ => {}
    }
}

fn ports(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let ports = json::list(spec, "ports");
    let list = path.child("ports");
    let headless = json::text(spec, "clusterIP") == "None";
    let type_ = json::text(spec, "type");
    if ports.is_empty() && !headless && type_ != "ExternalName" {
        errors.push(FieldError::required(&list, ""));
    }
    let (mut names, mut numbers, mut node_ports) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (i, port) in ports.iter().enumerate() {
        let path = list.index(i);
        let (name, protocol) = (json::text(port, "name"), json::text(port, "protocol"));
        if name.is_empty() {
            if ports.len() > 1 {
                errors.push(FieldError::required(&path.child("name"), ""));
            }
        } else {
            grammar(name, names::dns1123_label(name), &path.child("name"), errors);
            if !names.insert(name) {
                errors.push(FieldError::duplicate(&path.child("name"), name));
            }
        }
        let number = json::int(port, "port").unwrap_or(0);
        for message in names::port_number(number) {
            errors.push(FieldError::invalid(&path.child("port"), number, message));
        }
        required_text(port, "protocol", &path, errors);
        optional_choice(port, "protocol", &["SCTP", "TCP", "UDP"], &path, errors);
        target_port(port, &path.child("targetPort"), errors);
        if !numbers.insert((number, protocol)) {
            errors.push(FieldError::duplicate(&path, port.clone()));
        }
        let node_port = json::int(port, "nodePort").unwrap_or(0);
        if node_port != 0 {
            node_port_of(type_, node_port, &path.child("nodePort"), errors);
            if !node_ports.insert((node_port, protocol)) {
                errors.push(FieldError::duplicate(&path.child("nodePort"), node_port));
            }
        }
    }
}

fn node_port_of(type_: &str, number: i64, path: &Path, errors: &mut Vec<FieldError>) {
    if !matches!(type_, "NodePort" | "LoadBalancer") {
        let detail = format!("may not be used when `type` is '{type_}'");
        errors.push(FieldError::forbidden(path, detail));
    }
    for message in names::port_number(number) {
        errors.push(FieldError::invalid(path, number, message));
    }
}

fn target_port(port: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    match json::get(port, "targetPort") {
        Value::String(name) => grammar(name, names::port_name(name), path, errors),
        number => {
            let number = number.as_i64().unwrap_or(0);
            for message in names::port_number(number) {
                errors.push(FieldError::invalid(path, number, message));
            }
        }
    }
}

fn affinity_seconds(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let config = json::at(spec, &["sessionAffinityConfig", "clientIP"]);
    if let Some(seconds) = json::int(config, "timeoutSeconds")
        && !(1..=MAX_AFFINITY_SECONDS).contains(&seconds)
    {
        let path = path.child("sessionAffinityConfig").child("clientIP").child("timeoutSeconds");
        let detail = format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}");
        errors.push(FieldError::invalid(&path, seconds, detail));
    }
}

fn addresses(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let cluster = json::text(spec, "clusterIP");
    if json::text(spec, "type") == "ExternalName" {
        if !cluster.is_empty() {
            let detail = "may not be set for ExternalName services";
            errors.push(FieldError::forbidden(&path.child("clusterIPs"), detail));
        }
        let name = json::text(spec, "externalName");
        let path = path.child("externalName");
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
        } else {
            let name = name.strip_suffix('.').unwrap_or(name);
            grammar(name, names::dns1123_subdomain(name), &path, errors);
        }
    } else if !cluster.is_empty() && cluster != "None" {
        grammar(cluster, names::ip_address(cluster), &path.child("clusterIPs").index(0), errors);
    }
    let external = json::list(spec, "externalIPs").iter();
    for (i, ip) in external.filter_map(Value::as_str).enumerate() {
        grammar(ip, names::ip_address(ip), &path.child("externalIPs").index(i), errors);
    }
}

fn external_address(o: &Value) -> String {
    let spec = json::get(o, "spec");
    let externals = json::list(spec, "externalIPs").iter().filter_map(Value::as_str);
    let externals: Vec<&str> = externals.collect();
    let balancer = json::list(json::at(o, &["status", "loadBalancer"]), "ingress").iter();
    let balancer: BTreeSet<&str> = balancer
        .map(|i| match json::text(i, "ip") {
            "" => json::text(i, "hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    match json::text(spec, "type") {
        "ExternalName" => json::text(spec, "externalName").to_owned(),
        "LoadBalancer" if balancer.is_empty() && externals.is_empty() => "<pending>".to_owned(),
        "LoadBalancer" => balancer.into_iter().chain(externals).collect::<Vec<_>>().join(","),
        _ if externals.is_empty() => "<none>".to_owned(),
        _ => externals.join(","),
    }
}

/// `80/TCP,443:30443/TCP`.
fn port_words(spec: &Value) -> String {
    let words = json::list(spec, "ports").iter().map(|port| {
        let (number, protocol) = (json::int(port, "port").unwrap_or(0), json::text(port, "protocol"));
        match json::int(port, "nodePort").unwrap_or(0) {
            0 => format!("{number}/{protocol}"),
            node_port => format!("{number}:{node_port}/{protocol}"),
        }
    });
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
