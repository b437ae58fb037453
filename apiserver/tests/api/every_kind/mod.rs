//! What holds for every kind, whichever a server has: each is found by discovery, and `samples.yaml` has an object of it.

mod life;
mod operations;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::fixture::Client;

/// The smallest object of each kind, by what stands in it: `apps/v1`, `Deployment`.
pub struct Samples(HashMap<(String, String), Value>);

impl Samples {
    pub fn read() -> Samples {
        let documents = timonier_api::yaml::parse_documents(include_str!("samples.yaml"), "samples.yaml");
        let named = |object: Value| {
            let text = |field: &str| object[field].as_str().expect("a kind").to_string();
            ((text("apiVersion"), text("kind")), object)
        };
        Samples(documents.expect("samples are YAML").into_iter().map(named).collect())
    }

    pub fn of(&self, api_version: &str, kind: &str) -> Result<Value, String> {
        let sample = self.0.get(&(api_version.to_string(), kind.to_string()));
        sample.cloned().ok_or_else(|| format!("{api_version} {kind} has no object in samples.yaml"))
    }
}

/// A kind as discovery tells of it.
#[derive(Clone, Debug)]
pub struct Resource {
    pub api_version: String,
    pub kind: String,
    /// Where its objects are made, in the default namespace.
    pub path: String,
    pub verbs: Vec<String>,
}

impl Resource {
    pub fn has(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

/// All kinds that the server has.
pub async fn resources(client: &Client) -> Vec<Resource> {
    let accept = ("accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let mut found = vec![];
    for root in ["/api", "/apis"] {
        let groups = client.send(http::Method::GET, root, &[accept], "").await.ok();
        for group in list(&groups["items"]) {
            for version in list(&group["versions"]) {
                found.extend(list(&version["resources"]).iter().map(|resource| described(group, version, resource)));
            }
        }
    }
    found
}

fn described(group: &Value, version: &Value, resource: &Value) -> Resource {
    let text = |value: &Value| value.as_str().unwrap_or("").to_string();
    let (name, version) = (text(&group["metadata"]["name"]), text(&version["version"]));
    let (api_version, root) = match &*name {
        "" => (version.clone(), format!("/api/{version}")),
        name => (format!("{name}/{version}"), format!("/apis/{name}/{version}")),
    };
    let namespace = if resource["scope"] == "Namespaced" { "/namespaces/default" } else { "" };
    Resource {
        api_version,
        kind: text(&resource["responseKind"]["kind"]),
        path: format!("{root}{namespace}/{}", text(&resource["resource"])),
        verbs: list(&resource["verbs"]).iter().map(text).collect(),
    }
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Removes what may keep a deleted object from going: nobody else is here to do it.
async fn let_go(client: &Client, path: &str) {
    let object = client.get(path).await.json();
    if object["spec"]["finalizers"].is_array() {
        let mut free = object.clone();
        free["spec"]["finalizers"] = json!([]);
        client.put(&format!("{path}/finalize"), &free).await;
    }
    if object["metadata"]["finalizers"].is_array() {
        client.merge(path, &json!({"metadata": {"finalizers": null}})).await;
    }
}
