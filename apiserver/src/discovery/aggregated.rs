//! Aggregated discovery: everything in two documents, `apidiscovery.k8s.io` v2 (and v2beta1 for older clients).

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::subresource;
use crate::kinds::table::{Group, GroupVersion};
use crate::kinds::{Row, Table};

/// The version of the aggregated form that the client prefers to the plain one, if any.
pub fn wanted(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    for clause in accept.split(',') {
        let parts: Vec<&str> = clause.split(';').map(str::trim).collect();
        if parts.first() != Some(&"application/json") {
            continue;
        }
        let has = |parameter: &str| parts.contains(&parameter);
        if has("g=apidiscovery.k8s.io") && has("as=APIGroupDiscoveryList") {
            if has("v=v2") {
                return Some("v2");
            }
            if has("v=v2beta1") {
                return Some("v2beta1");
            }
            continue;
        }
        return None;
    }
    None
}

pub fn content_type(version: &str) -> &'static str {
    match version {
        "v2beta1" => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    }
}

pub fn core(table: &Table, version: &str) -> Value {
    list(version, table.group("").into_iter())
}

pub fn groups(table: &Table, version: &str) -> Value {
    list(version, super::legacy::groups(table))
}

fn list<'a>(version: &str, groups: impl Iterator<Item = &'a Group>) -> Value {
    let items: Vec<Value> = groups.map(group).collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    })
}

fn group(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|GroupVersion { version, rows }| {
            let resources: Vec<Value> = rows.iter().map(|row| resource(row)).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let mut metadata = json!({"creationTimestamp": null});
    if !group.name.is_empty() {
        metadata["name"] = (&*group.name).into();
    }
    json!({"metadata": metadata, "versions": versions})
}

fn resource(row: &Row) -> Value {
    let kind = &row.kind;
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": row.verbs,
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let subresources: Vec<Value> = row
        .subresources
        .iter()
        .map(|sub| {
            let ((group, version, kind), verbs) = subresource(row, *sub);
            json!({
                "subresource": sub.name(),
                "responseKind": {"group": group, "version": version, "kind": kind},
                "verbs": verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = subresources.into();
    }
    resource
}
