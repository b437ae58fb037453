//! The discovery documents of old clients: versions, groups, and the resources of one group and version.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::subresource;
use crate::kinds::{Row, Table};

/// The named groups, in the order of the table, each once.
pub fn group_names(table: &Table) -> Vec<&str> {
    let mut names = vec![];
    for row in table.rows() {
        if !row.kind.group.is_empty() && !names.contains(&&*row.kind.group) {
            names.push(&*row.kind.group);
        }
    }
    names
}

/// The versions of a group, the preferred one first.
pub fn versions<'a>(table: &'a Table, group: &str) -> Vec<&'a str> {
    let mut versions = vec![];
    for row in table.rows() {
        if row.kind.group == group && !versions.contains(&&*row.kind.version) {
            versions.push(&*row.kind.version);
        }
    }
    versions
}

pub fn api_versions(table: &Table, address: SocketAddr) -> Value {
    json!({
        "kind": "APIVersions", "versions": versions(table, ""),
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address.to_string()}],
    })
}

pub fn group_list(table: &Table) -> Value {
    let groups: Vec<Value> = group_names(table).into_iter().map(|name| describe(table, name)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

pub fn group(table: &Table, name: &str) -> Option<Value> {
    if !group_names(table).contains(&name) {
        return None;
    }
    let mut group = describe(table, name);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn describe(table: &Table, name: &str) -> Value {
    let versions: Vec<Value> = versions(table, name)
        .into_iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "preferredVersion": versions[0], "versions": versions})
}

/// `None` when the group has no such version.
pub fn resource_list(table: &Table, group: &str, version: &str) -> Option<Value> {
    let rows: Vec<_> =
        table.rows().iter().filter(|row| row.kind.group == group && row.kind.version == version).collect();
    let group_version = rows.first()?.kind.api_version();
    let resources: Vec<Value> = rows.iter().flat_map(|row| resources(row)).collect();
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    }))
}

fn resources(row: &Row) -> Vec<Value> {
    let kind = &row.kind;
    let mut main = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": row.verbs,
    });
    if !kind.short_names.is_empty() {
        main["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        main["categories"] = json!(kind.categories);
    }
    let mut list = vec![main];
    for sub in row.subresources.iter() {
        let ((group, version, sub_kind), verbs) = subresource(row, *sub);
        let mut resource = json!({
            "name": format!("{}/{}", kind.plural, sub.name()), "singularName": "", "namespaced": kind.namespaced,
            "kind": sub_kind, "verbs": verbs,
        });
        if group != kind.group {
            resource["group"] = group.into();
            resource["version"] = version.into();
        }
        list.push(resource);
    }
    list
}
