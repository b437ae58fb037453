//! A pod's name, DNS and place on the host's network.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::of::Errors;
use super::of::Of;
use crate::kinds::checks::{choice, grammar};
use crate::kinds::json;

/// Most name servers, most search paths, and the longest that those may be together, in characters.
const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARS: usize = 2048;

/// As long as the kernel lets a host's name be.
const MAX_HOSTNAME: usize = 64;

/// Checks the network fields of the pod spec at `path`.
pub fn network(spec: &Value, path: &Path, of: Of, errors: &mut Errors) {
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    choice(spec, "dnsPolicy", &policies, path, errors);
    dns_config(spec, path, errors);
    for field in ["hostname", "subdomain"] {
        let name = json::text(spec, field);
        if !name.is_empty() {
            grammar(name, names::dns1123_label(name), &path.child(field), errors);
        }
    }
    let name = json::text(spec, "hostnameOverride");
    if !name.is_empty() {
        let path = path.child("hostnameOverride");
        grammar(name, names::dns1123_subdomain(name), &path, errors);
        if name.len() > MAX_HOSTNAME {
            errors.push(FieldError::too_long(&path, MAX_HOSTNAME));
        }
    }
    host_aliases(spec, path, errors);
    if json::flag(spec, "hostNetwork") {
        host_network(spec, path, of, errors);
    }
}

fn dns_config(spec: &Value, path: &Path, errors: &mut Errors) {
    let none = json::text(spec, "dnsPolicy") == "None";
    let config_path = path.child("dnsConfig");
    if !json::has(spec, "dnsConfig") {
        if none {
            let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
            errors.push(FieldError::required(&config_path, detail));
        }
        return;
    }
    let config = json::get(spec, "dnsConfig");
    let servers = json::list(config, "nameservers");
    let path = config_path.child("nameservers");
    if none && servers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        errors.push(FieldError::required(&path, detail));
    }
    if servers.len() > MAX_NAMESERVERS {
        let detail = format!("must not have more than {MAX_NAMESERVERS} nameservers");
        errors.push(FieldError::invalid(&path, servers.to_vec(), detail));
    }
    for (i, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        grammar(server, names::ip_address(server), &path.index(i), errors);
    }
    let searches = json::list(config, "searches");
    let path = config_path.child("searches");
    if searches.len() > MAX_SEARCHES {
        let detail = format!("must not have more than {MAX_SEARCHES} search paths");
        errors.push(FieldError::invalid(&path, searches.to_vec(), detail));
    }
    let searches: Vec<&str> = searches.iter().filter_map(Value::as_str).collect();
    if searches.join(" ").len() > MAX_SEARCH_CHARS {
        let detail =
            format!("must not have more than {MAX_SEARCH_CHARS} characters (including spaces) in the search list");
        errors.push(FieldError::invalid(&path, searches.join(" "), detail));
    }
    for (i, search) in searches.into_iter().enumerate() {
        if search != "." {
            let name = search.strip_suffix('.').unwrap_or(search);
            // An underscore may stand where a letter may.
            let found = names::dns1123_subdomain(&name.replace('_', "a"));
            grammar(search, found, &path.index(i), errors);
        }
    }
    for (i, option) in json::list(config, "options").iter().enumerate() {
        super::required_text(option, "name", &config_path.child("options").index(i), errors);
    }
}

fn host_aliases(spec: &Value, path: &Path, errors: &mut Errors) {
    for (i, alias) in json::list(spec, "hostAliases").iter().enumerate() {
        let path = path.child("hostAliases").index(i);
        let ip = json::text(alias, "ip");
        grammar(ip, names::ip_address(ip), &path.child("ip"), errors);
        let hostnames = json::list(alias, "hostnames").iter();
        for (j, name) in hostnames.filter_map(Value::as_str).enumerate() {
            let path = path.child("hostnames").index(j);
            grammar(name, names::dns1123_subdomain(name), &path, errors);
        }
    }
}

fn host_network(spec: &Value, path: &Path, of: Of, errors: &mut Errors) {
    for list in ["containers", "initContainers"] {
        for (i, container) in json::list(spec, list).iter().enumerate() {
            for (j, port) in json::list(container, "ports").iter().enumerate() {
                let host_port = json::int(port, "hostPort").unwrap_or(0);
                let container_port = json::int(port, "containerPort").unwrap_or(0);
                let unset = of == Of::Template && host_port == 0;
                if !unset && host_port != container_port {
                    let path = path.child(list).index(i).child("ports").index(j);
                    let detail = "must match `containerPort` when `hostNetwork` is true";
                    errors.push(FieldError::invalid(&path.child("hostPort"), host_port, detail));
                }
            }
        }
    }
}
