//! What a client finds before it knows any kind: the paths of discovery, of the version and of who signs tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::paths::{capital, group_name, root};
use crate::kinds::Table;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const VERSION: &str = "io.k8s.apimachinery.pkg.version.Info";

/// Adds them to the `paths` of a document of version 2, and the definitions of their answers.
pub fn add(table: &Table, paths: &mut Map<String, Value>, definitions: &mut BTreeSet<String>) {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in table.rows() {
        versions.entry(&row.kind.group).or_default().insert(&row.kind.version);
    }
    let mut add = |path: String, id: &str, tag: &str, answer: Option<&str>| {
        definitions.extend(answer.map(str::to_string));
        paths.insert(path, item(id, tag, answer));
    };
    add("/api/".into(), "getCoreAPIVersions", "core", Some(&format!("{META}.APIVersions")));
    add("/apis/".into(), "getAPIVersions", "apis", Some(&format!("{META}.APIGroupList")));
    for (group, versions) in &versions {
        let short = group_name(group);
        let title = capital(short);
        if !group.is_empty() {
            let id = format!("get{title}APIGroup");
            add(format!("/apis/{group}/"), &id, short, Some(&format!("{META}.APIGroup")));
        }
        for version in versions {
            let id = format!("get{title}{}APIResources", capital(version));
            let tag = format!("{short}_{version}");
            add(format!("/{}/", root(group, version)), &id, &tag, Some(&format!("{META}.APIResourceList")));
        }
    }
    add("/version/".into(), "getCodeVersion", "version", Some(VERSION));
    let issuer = "getServiceAccountIssuerOpenIDConfiguration";
    add("/.well-known/openid-configuration/".into(), issuer, "WellKnown", None);
    add("/openid/v1/jwks/".into(), "getServiceAccountIssuerOpenIDKeyset", "openid", None);
}

fn item(id: &str, tag: &str, answer: Option<&str>) -> Value {
    let schema = match answer {
        Some(definition) => json!({"$ref": format!("#/definitions/{definition}")}),
        None => json!({"type": "string"}),
    };
    json!({"get": {
        "operationId": id,
        "tags": [tag],
        "schemes": ["https"],
        "produces": ["application/json"],
        "responses": {"200": {"description": "OK", "schema": schema}},
    }})
}
