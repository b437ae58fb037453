//! `metadata.managedFields` as clients see and send them.

use http::Method;
use serde_json::{Value, json};

use crate::fixture::{Client, Cluster};
use crate::{CONFIG_MAPS, config_map};

fn owners(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .map(|entry| (entry["manager"].as_str().unwrap_or("").to_string(), entry["fieldsV1"].clone()))
        .collect()
}

async fn stored(admin: &Client) -> Value {
    admin.get(&format!("{CONFIG_MAPS}/c")).await.ok()
}

#[tokio::test]
async fn owners_are_json_after_every_sort_of_write() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut object = config_map("c");
    object["metadata"]["finalizers"] = json!(["example.org/stay"]);
    let path = |manager: &str| format!("{CONFIG_MAPS}/c?fieldManager={manager}");
    let created = admin.post(&format!("{CONFIG_MAPS}?fieldManager=one"), &object).await.ok();
    let one = json!({"f:data": {".": {}, "f:a": {}},
        "f:metadata": {"f:finalizers": {".": {}, "v:\"example.org/stay\"": {}}}});
    assert_eq!(owners(&created), json!({"one": one}));
    let patched = admin.merge(&path("two"), &json!({"data": {"b": "2"}})).await.ok();
    let both = json!({"one": one, "two": {"f:data": {"f:b": {}}}});
    assert_eq!(owners(&patched), both);
    assert_eq!(stored(&admin).await, patched);
    // Who sends back what it read, and changes nothing, changes nothing.
    assert_eq!(admin.put(&path("three"), &patched).await.ok(), patched);
    let operations = json!([{"op": "test", "path": "/metadata/managedFields/0/fieldsV1", "value": one},
        {"op": "replace", "path": "/data/b", "value": "3"}]);
    let headers = [("content-type", "application/json-patch+json")];
    let patched = admin.send(Method::PATCH, &path("two"), &headers, &operations.to_string()).await.ok();
    assert_eq!(owners(&patched), both);
    let forgotten = admin.merge(&path("two"), &json!({"metadata": {"managedFields": [{}]}})).await.ok();
    assert_eq!(owners(&forgotten), json!({}));
    assert_eq!(stored(&admin).await, forgotten);
}

#[tokio::test]
async fn text_in_place_of_fields_is_nothing_that_anybody_owns() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let text = json!([{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": "{},\"injected\":{}"}]);
    let mut object = config_map("c");
    object["metadata"]["managedFields"] = text.clone();
    let created = admin.post(&format!("{CONFIG_MAPS}?fieldManager=one"), &object).await.ok();
    let one = json!({"one": {"f:data": {".": {}, "f:a": {}}}});
    assert_eq!(owners(&created), one);
    let path = format!("{CONFIG_MAPS}/c?fieldManager=one");
    assert_eq!(owners(&admin.put(&path, &object).await.ok()), one);
    let patch = json!({"metadata": {"managedFields": text}});
    assert_eq!(owners(&admin.merge(&path, &patch).await.ok()), one);
    for (kind, patch) in [
        ("strategic-merge-patch", patch),
        ("json-patch", json!([{"op": "add", "path": "/metadata/managedFields/0/fieldsV1", "value": "{\"x"}])),
    ] {
        let kind = format!("application/{kind}+json");
        let headers = [("content-type", kind.as_str())];
        let answer = admin.send(Method::PATCH, &path, &headers, &patch.to_string()).await.ok();
        assert_eq!(owners(&answer), one, "{kind}");
    }
    assert_eq!(owners(&stored(&admin).await), one);
}
