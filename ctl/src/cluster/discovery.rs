//! Asking the server what it serves: one aggregated document for each root, or the older document per group.

use super::{Call, Catalog, Resource, Session};
use crate::error::Error;
use serde_json::Value;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

pub(super) async fn discover(session: &Session) -> Result<Catalog, Error> {
    let (core, groups) = tokio::try_join!(root(session, "/api"), root(session, "/apis"))?;
    Ok(Catalog { resources: core.into_iter().chain(groups).collect() })
}

async fn root(session: &Session, path: &str) -> Result<Vec<Resource>, Error> {
    let document = session.json(Call::get(path).accept(AGGREGATED)).await?;
    if document["kind"] == "APIGroupDiscoveryList" {
        return Ok(aggregated(&document));
    }
    let mut resources = Vec::new();
    for group_version in legacy_versions(&document) {
        let list = session.json(Call::get(format!("{path}/{group_version}"))).await?;
        resources.extend(legacy(&list));
    }
    Ok(resources)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().map(text).collect()
}

fn aggregated(document: &Value) -> Vec<Resource> {
    let mut resources = Vec::new();
    for group in list(&document["items"]) {
        for version in list(&group["versions"]) {
            let of_version = list(&version["resources"]).iter();
            resources.extend(of_version.map(|entry| Resource {
                group: text(&group["metadata"]["name"]),
                version: text(&version["version"]),
                plural: text(&entry["resource"]),
                singular: text(&entry["singularResource"]),
                kind: text(&entry["responseKind"]["kind"]),
                short_names: strings(&entry["shortNames"]),
                categories: strings(&entry["categories"]),
                verbs: strings(&entry["verbs"]),
                subresources: list(&entry["subresources"]).iter().map(|sub| text(&sub["subresource"])).collect(),
                namespaced: entry["scope"] == "Namespaced",
            }));
        }
    }
    resources
}

/// `["v1"]` under `/api`, `["apps/v1", …]` under `/apis`, the preferred version of each group first.
fn legacy_versions(document: &Value) -> Vec<String> {
    let core = strings(&document["versions"]);
    let groups = list(&document["groups"]).iter().flat_map(|group| {
        let preferred = text(&group["preferredVersion"]["groupVersion"]);
        let mut versions: Vec<String> =
            list(&group["versions"]).iter().map(|version| text(&version["groupVersion"])).collect();
        versions.sort_by_key(|version| *version != preferred);
        versions
    });
    core.into_iter().chain(groups).collect()
}

/// An `APIResourceList`; subresources are entries named `pods/status`.
fn legacy(document: &Value) -> Vec<Resource> {
    let group_version = text(&document["groupVersion"]);
    let (group, version) = match group_version.split_once('/') {
        Some((group, version)) => (group.to_string(), version.to_string()),
        None => (String::new(), group_version.clone()),
    };
    let mut resources: Vec<Resource> = Vec::new();
    for entry in list(&document["resources"]) {
        let name = text(&entry["name"]);
        if let Some((plural, subresource)) = name.split_once('/') {
            if let Some(parent) = resources.iter_mut().find(|resource| resource.plural == plural) {
                parent.subresources.push(subresource.to_string());
            }
            continue;
        }
        resources.push(Resource {
            group: group.clone(),
            version: version.clone(),
            plural: name,
            singular: text(&entry["singularName"]),
            kind: text(&entry["kind"]),
            short_names: strings(&entry["shortNames"]),
            categories: strings(&entry["categories"]),
            verbs: strings(&entry["verbs"]),
            subresources: Vec::new(),
            namespaced: entry["namespaced"].as_bool().unwrap_or_default(),
        });
    }
    resources
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_of_discovery_say_the_same() {
        let new = json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "apps"}, "versions": [{
            "version": "v1", "resources": [{
                "resource": "deployments", "singularResource": "deployment", "scope": "Namespaced",
                "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "shortNames": ["deploy"], "categories": ["all"], "verbs": ["get"],
                "subresources": [{"subresource": "scale", "verbs": ["get"]}],
            }],
        }]}]});
        let old = json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment",
             "shortNames": ["deploy"], "categories": ["all"], "verbs": ["get"]},
            {"name": "deployments/scale", "namespaced": true, "kind": "Scale", "verbs": ["get"]},
        ]});
        assert_eq!(aggregated(&new), legacy(&old));
        assert_eq!(aggregated(&new)[0].subresources, ["scale"]);
    }

    #[test]
    fn the_preferred_version_comes_first() {
        let groups = json!({"groups": [{
            "preferredVersion": {"groupVersion": "x/v2"},
            "versions": [{"groupVersion": "x/v1"}, {"groupVersion": "x/v2"}],
        }]});
        assert_eq!(legacy_versions(&groups), ["x/v2", "x/v1"]);
    }
}
