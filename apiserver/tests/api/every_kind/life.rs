//! The life of an object: created, read in every encoding, listed, watched, patched four ways, shown as a Table, deleted.

use http::Method;
use serde_json::{Value, json};
use timonier_api::protobuf::envelope;

use super::{Resource, Samples, let_go, list, resources};
use crate::fixture::{APPLY, Client, Cluster, JSON, MERGE};

const TABLE: (&str, &str) = ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
const METADATA: (&str, &str) = ("accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
const PROTOBUF: (&str, &str) = ("accept", envelope::MEDIA_TYPE);
const YAML: (&str, &str) = ("accept", "application/yaml");

#[tokio::test]
async fn every_kind_is_created_read_watched_patched_four_ways_and_deleted() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    let samples = Samples::read();
    let (mut lived, mut wrong) = (0, vec![]);
    for resource in resources(&client).await.iter().filter(|resource| resource.has("list") && resource.has("create")) {
        let said = match samples.of(&resource.api_version, &resource.kind) {
            Ok(sample) => life(&client, resource, &sample).await,
            Err(missing) => Err(missing),
        };
        lived += 1;
        wrong.extend(said.err().map(|error| format!("{} {}: {error}", resource.api_version, resource.kind)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lived >= 15, "{lived}");
}

macro_rules! ensure {
    ($holds:expr, $($said:tt)*) => {
        if !$holds {
            return Err(format!($($said)*));
        }
    };
}

async fn life(client: &Client, resource: &Resource, sample: &Value) -> Result<(), String> {
    let name = sample["metadata"]["name"].as_str().ok_or("the sample has no name")?;
    let one = format!("{}/{name}", resource.path);
    let dry = send(client, Method::POST, &format!("{}?dryRun=All", resource.path), &[JSON], sample).await?;
    ensure!(dry["metadata"]["uid"].is_string(), "a dry run has no uid: {dry}");
    ensure!(client.get(&one).await.code == 404, "a dry run left an object");
    let made = send(client, Method::POST, &resource.path, &[JSON], sample).await?;
    let metadata = &made["metadata"];
    ensure!(made["kind"] == resource.kind && made["apiVersion"] == resource.api_version, "it is another kind: {made}");
    ensure!(metadata["uid"].is_string() && metadata["creationTimestamp"].is_string(), "not completed: {made}");
    let revision = metadata["resourceVersion"].as_str().ok_or("no resourceVersion")?.to_string();
    let field = format!("fieldSelector=metadata.name={name}");
    let mut watch = client.watch(&format!("{}?watch=1&{field}&resourceVersion={revision}", resource.path)).await;

    encodings(client, resource, &one).await.map_err(|error| format!("encodings: {error}"))?;
    shapes(client, resource, name, &field).await.map_err(|error| format!("shapes: {error}"))?;
    patches(client, resource, name, &one).await.map_err(|error| format!("patches: {error}"))?;

    let options = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
    send(client, Method::DELETE, &format!("{one}?dryRun=All"), &[JSON], &options).await?;
    ensure!(client.get(&one).await.code == 200, "a dry run deleted it");
    send(client, Method::DELETE, &one, &[JSON], &options).await?;
    let_go(client, &one).await;
    let mut modified = 0;
    loop {
        let event = watch.next().await.ok_or("the watch ended")?;
        ensure!(event["object"]["metadata"]["name"] == name, "an event of another object: {event}");
        match event["type"].as_str() {
            Some("MODIFIED") => modified += 1,
            Some("DELETED") => break,
            _ => return Err(format!("an odd event: {event}")),
        }
    }
    ensure!(modified >= 4, "{modified} changes were seen");
    ensure!(client.get(&one).await.code == 404, "it is still there");
    Ok(())
}

async fn encodings(client: &Client, resource: &Resource, one: &str) -> Result<(), String> {
    let object = client.get(one).await.json();
    let answer = client.send(Method::GET, one, &[YAML], "").await;
    let text = String::from_utf8(answer.body.to_vec()).map_err(|error| error.to_string())?;
    let read = timonier_api::yaml::parse_documents(&text, "answer").map_err(|error| error.to_string())?;
    ensure!(read == [object.clone()], "as YAML it is {text}");
    let answer = client.send(Method::GET, one, &[PROTOBUF], "").await;
    let decoded = envelope::decode(&answer.body).map_err(|error| format!("{error}: {}", answer.code))?;
    ensure!(full(&decoded) == full(&object), "as protobuf it is {decoded}, in JSON {object}");
    let answer = client.send(Method::GET, &resource.path, &[PROTOBUF], "").await;
    let decoded = envelope::decode(&answer.body).map_err(|error| format!("the list: {error}: {}", answer.code))?;
    ensure!(decoded["kind"] == format!("{}List", resource.kind), "the list is a {}", decoded["kind"]);
    // What is sent back unchanged in any of these changes nothing.
    for (kind, body) in [(JSON.1, object.to_string().into_bytes()), (YAML.1, text.into_bytes())] {
        let answer = client.send_bytes(Method::PUT, one, &[("content-type", kind)], body).await;
        ensure!(answer.code == 200, "{kind}: {}", String::from_utf8_lossy(&answer.body));
        let same = answer.json()["metadata"]["resourceVersion"] == object["metadata"]["resourceVersion"];
        ensure!(same, "putting back {kind} changed it: {object} to {}", answer.json());
    }
    Ok(())
}

async fn shapes(client: &Client, resource: &Resource, name: &str, field: &str) -> Result<(), String> {
    let listed = client.get(&resource.path).await.json();
    ensure!(listed["kind"] == format!("{}List", resource.kind), "the list is a {}", listed["kind"]);
    ensure!(list(&listed["items"]).iter().any(|item| item["metadata"]["name"] == name), "it is not in the list");
    let table = send(client, Method::GET, &format!("{}?{field}", resource.path), &[TABLE], &Value::Null).await?;
    let (columns, rows) = (list(&table["columnDefinitions"]), list(&table["rows"]));
    ensure!(rows.len() == 1 && rows[0]["object"]["metadata"]["name"] == name, "the Table is {table}");
    ensure!(columns.len() == list(&rows[0]["cells"]).len(), "columns and cells differ: {table}");
    let metadata = send(client, Method::GET, &format!("{}?{field}", resource.path), &[METADATA], &Value::Null).await?;
    let item = &metadata["items"][0];
    ensure!(metadata["kind"] == "PartialObjectMetadataList" && item["metadata"]["name"] == name, "it is {metadata}");
    ensure!(item.as_object().is_some_and(|item| item.len() == 3), "more than metadata: {item}");
    Ok(())
}

async fn patches(client: &Client, resource: &Resource, name: &str, one: &str) -> Result<(), String> {
    let json_patch = json!([{"op": "add", "path": "/metadata/annotations", "value": {"json": "yes"}}]);
    let strategic = json!({"metadata": {"annotations": {"strategic": "yes"}}});
    let merge = json!({"metadata": {"labels": {"merge": "yes"}}});
    let applied = json!({"apiVersion": resource.api_version, "kind": resource.kind,
        "metadata": {"name": name, "labels": {"applied": "yes"}}});
    let apply = format!("{one}?fieldManager=every-kind");
    for (path, kind, patch) in [
        (one, "application/json-patch+json", &json_patch),
        (one, "application/strategic-merge-patch+json", &strategic),
        (one, MERGE.1, &merge),
        (&apply, APPLY.1, &applied),
    ] {
        send(client, Method::PATCH, path, &[("content-type", kind)], patch).await?;
    }
    let metadata = client.get(one).await.json()["metadata"].clone();
    for (part, key) in
        [("annotations", "json"), ("annotations", "strategic"), ("labels", "merge"), ("labels", "applied")]
    {
        ensure!(metadata[part][key] == "yes", "{part}.{key} is not there: {metadata}");
    }
    let owns = |entry: &Value| entry["manager"] == "every-kind" && entry["operation"] == "Apply";
    ensure!(list(&metadata["managedFields"]).iter().any(owns), "nobody applied: {}", metadata["managedFields"]);
    Ok(())
}

/// The answer's JSON, which must be a success.
async fn send(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<Value, String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = client.send(method.clone(), path, headers, &body).await;
    if answer.code.is_success() {
        return Ok(answer.json());
    }
    Err(format!("{method} {path}: {}", String::from_utf8_lossy(&answer.body)))
}

/// An object without what is empty: protobuf does not have it.
fn full(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), full(value)));
            Value::Object(fields.filter(|(_, value)| !matches!(value, Value::Null) && !is_empty(value)).collect())
        }
        Value::Array(items) => items.iter().map(full).collect(),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}
