//! The discovery documents of old clients: versions, groups, and the resources of one group and version.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::subresource;
use crate::kinds::table::{Group, GroupVersion};
use crate::kinds::{Row, Table};

/// The named groups, in the order of the table, each once.
pub fn groups(table: &Table) -> impl Iterator<Item = &Group> {
    table.groups().iter().filter(|group| !group.name.is_empty())
}

pub fn api_versions(table: &Table, address: SocketAddr) -> Value {
    let versions: Vec<&str> =
        table.group("").into_iter().flat_map(|group| &group.versions).map(|version| &*version.version).collect();
    json!({
        "kind": "APIVersions", "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address.to_string()}],
    })
}

pub fn group_list(table: &Table) -> Value {
    let groups: Vec<Value> = groups(table).map(describe).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

pub fn group(table: &Table, name: &str) -> Option<Value> {
    let mut group = describe(table.group(name).filter(|group| !group.name.is_empty())?);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn describe(group: &Group) -> Value {
    let name = &group.name;
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|GroupVersion { version, .. }| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "preferredVersion": versions[0], "versions": versions})
}

/// `None` when the group has no such version.
pub fn resource_list(table: &Table, group: &str, version: &str) -> Option<Value> {
    let rows = &table.group(group)?.versions.iter().find(|known| known.version == version)?.rows;
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
