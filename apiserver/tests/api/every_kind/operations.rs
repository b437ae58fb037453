//! The document against the server: what `/openapi/v2` describes is called, operation by operation.

use futures::{StreamExt, stream};
use http::Method;
use serde_json::{Value, json};

use super::{Samples, let_go};
use crate::fixture::{Answer, Client, Cluster, JSON};

#[tokio::test]
async fn every_operation_of_the_document_can_be_called() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    let samples = Samples::read();
    let document = client.get("/openapi/v2").await.ok();
    let mut calls = calls(&document);
    // Everything is made first and deleted last.
    calls.sort_by_key(|call| match &*call.action {
        // A binding is about a pod that is there.
        "post" if !call.path.contains("{name}") && call.kind != "Binding" => 0,
        "deletecollection" => 3,
        "delete" => 2,
        _ => 1,
    });
    let (watches, others): (Vec<&Call>, Vec<&Call>) = calls.iter().partition(|call| call.is_watch());
    let made = async |call: &Call| {
        let failed = call.make(&client, &samples).await.err();
        failed.map(|error| format!("{} {}: {error}", call.method, call.path))
    };
    let mut wrong = vec![];
    for call in others {
        wrong.extend(made(call).await);
    }
    // Each takes a second.
    let watched: Vec<Option<String>> = stream::iter(watches).map(made).buffer_unordered(100).collect().await;
    wrong.extend(watched.into_iter().flatten());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(calls.len() > 700, "{}", calls.len());
}

#[tokio::test]
async fn the_documents_refer_to_nothing_that_is_not_in_them() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    let mut documents = vec![("/openapi/v2".to_string(), client.get("/openapi/v2").await.ok())];
    for path in client.get("/openapi/v3").await.ok()["paths"].as_object().expect("paths").keys() {
        let path = format!("/openapi/v3/{path}");
        documents.push((path.clone(), client.get(&path).await.ok()));
    }
    assert!(documents.len() > 5);
    for (path, document) in &documents {
        let mut references = vec![];
        refer(document, &mut references);
        assert!(path.ends_with("/version") || !references.is_empty(), "{path}");
        for reference in references {
            let place = reference.strip_prefix('#').expect("is in the same document");
            assert!(document.pointer(place).is_some(), "{path}: {reference}");
        }
    }
}

fn refer<'v>(value: &'v Value, references: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| refer(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| refer(item, references)),
        _ => {}
    }
}

/// One operation.
#[derive(Debug)]
struct Call {
    path: String,
    method: Method,
    /// `x-kubernetes-action`; empty for what is about no kind.
    action: String,
    api_version: String,
    kind: String,
    /// The kind of the path without what stands behind the name.
    owner: Option<(String, String)>,
}

fn calls(document: &Value) -> Vec<Call> {
    let paths = document["paths"].as_object().expect("paths");
    let mut calls = vec![];
    for (path, item) in paths {
        for (method, operation) in
            item.as_object().expect("a path item").iter().filter(|(name, _)| *name != "parameters")
        {
            let (api_version, kind) = kind_of(operation);
            calls.push(Call {
                path: path.clone(),
                method: method.to_uppercase().parse().expect("a method"),
                action: operation["x-kubernetes-action"].as_str().unwrap_or("").to_string(),
                api_version,
                kind,
                owner: owner(document, path),
            });
        }
    }
    calls
}

fn kind_of(operation: &Value) -> (String, String) {
    let gvk = &operation["x-kubernetes-group-version-kind"];
    let text = |field: &str| gvk[field].as_str().unwrap_or("");
    let api_version = match text("group") {
        "" => text("version").to_string(),
        group => format!("{group}/{}", text("version")),
    };
    (api_version, text("kind").to_string())
}

/// `…/pods/{name}/eviction` is about a Pod.
fn owner(document: &Value, path: &str) -> Option<(String, String)> {
    let (collection, _) = path.split_once("/{name}")?;
    let item = &document["paths"][collection.replace("/watch/", "/")];
    Some(kind_of(if item["post"].is_null() { &item["get"] } else { &item["post"] }))
}

impl Call {
    fn is_watch(&self) -> bool {
        matches!(&*self.action, "watch" | "watchlist")
    }

    async fn make(&self, client: &Client, samples: &Samples) -> Result<(), String> {
        let mut path = self.path.replace("{namespace}", "default").replace("{path}", "x");
        if let Some((api_version, kind)) = &self.owner {
            let sample = samples.of(api_version, kind)?;
            path = path.replace("{name}", sample["metadata"]["name"].as_str().ok_or("the sample has no name")?);
        }
        if self.is_watch() {
            return self.watched(client, &path).await;
        }
        match (&*self.action, &self.method) {
            ("connect", method) => self.known(client.send(method.clone(), &path, &[], "").await),
            // A container's output, or that there is no node with it.
            (_, &Method::GET) if path.ends_with("/log") => self.known(client.get(&path).await),
            (_, &Method::GET) => self.done(client.get(&path).await),
            (_, &Method::POST) => {
                let sample = samples.of(&self.api_version, &self.kind)?;
                // What is done to an object is not kept: others still need it.
                let path = if self.owner.is_some() { format!("{path}?dryRun=All") } else { path };
                let answer = client.post(&path, &sample).await;
                // A pod is bound once, by whichever operation comes first.
                if path.contains("/binding?") { self.known(answer) } else { self.done(answer) }
            }
            (_, &Method::PUT) => {
                let here = path.trim_end_matches("/finalize").trim_end_matches("/approval");
                let object = client.get(here).await.json();
                self.done(client.put(&path, &object).await)
            }
            (_, &Method::PATCH) => self.done(client.merge(&path, &json!({})).await),
            ("deletecollection", _) => {
                let options = json!({"gracePeriodSeconds": 0}).to_string();
                self.done(
                    client.send(Method::DELETE, &format!("{path}?labelSelector=of=nobody"), &[JSON], &options).await,
                )
            }
            (_, &Method::DELETE) => {
                let options = json!({"gracePeriodSeconds": 0}).to_string();
                let answer = client.send(Method::DELETE, &path, &[JSON], &options).await;
                let_go(client, &path).await;
                self.done(answer)
            }
            (action, method) => Err(format!("nobody knows how to call {method} {action}")),
        }
    }

    /// A watch of no duration ends by itself.
    async fn watched(&self, client: &Client, path: &str) -> Result<(), String> {
        self.done(client.get(&format!("{path}?timeoutSeconds=1")).await)
    }

    fn done(&self, answer: Answer) -> Result<(), String> {
        if answer.code.is_success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// It may be refused, as long as the path and the method are known.
    fn known(&self, answer: Answer) -> Result<(), String> {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let unknown = answer.code == 405 || text.contains("the server could not find the requested resource");
        if unknown { Err(format!("{}: {text}", answer.code)) } else { Ok(()) }
    }
}
