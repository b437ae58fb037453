use http::Method;
use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::{CONFIG_MAPS, config_map};

pub const TABLE: (&str, &str) = ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
const METADATA: (&str, &str) = ("accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");

fn columns(table: &Value) -> Vec<&str> {
    let columns = table["columnDefinitions"].as_array().expect("columns");
    columns.iter().filter_map(|c| c["name"].as_str()).collect()
}

#[tokio::test]
async fn kubectl_gets_tables_of_one_many_and_changing_objects() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    for path in [CONFIG_MAPS.to_string(), format!("{CONFIG_MAPS}/c")] {
        let table = admin.send(Method::GET, &path, &[TABLE], "").await.ok();
        assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
        assert_eq!(columns(&table), ["Name", "Data", "Age"]);
        let row = &table["rows"][0];
        assert_eq!((&row["cells"][0], &row["cells"][1]), (&json!("c"), &json!(1)));
        assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
        assert_eq!(row["object"]["metadata"]["name"], "c");
        assert!(table["metadata"]["resourceVersion"].is_string());
    }
    let whole = admin.send(Method::GET, &format!("{CONFIG_MAPS}?includeObject=Object"), &[TABLE], "").await.ok();
    assert_eq!(whole["rows"][0]["object"]["data"]["a"], "1");
    let mut watch = admin.watch_as(&format!("{CONFIG_MAPS}?watch=1"), &[TABLE]).await;
    let first = watch.next().await.expect("an event");
    assert_eq!(columns(&first["object"]), ["Name", "Data", "Age"]);
    admin.merge(&format!("{CONFIG_MAPS}/c"), &json!({"data": {"b": "2"}})).await.ok();
    let second = watch.next().await.expect("an event");
    assert_eq!((&second["type"], &second["object"]["rows"][0]["cells"][1]), (&json!("MODIFIED"), &json!(2)));
}

#[tokio::test]
async fn metadata_can_be_had_alone() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let list = admin.send(Method::GET, CONFIG_MAPS, &[METADATA], "").await.ok();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("PartialObjectMetadataList"), &json!("meta.k8s.io/v1")));
    assert_eq!(list["items"][0]["metadata"]["name"], "c");
    assert_eq!(list["items"][0].get("data"), None);
    let mut watch = admin.watch_as(&format!("{CONFIG_MAPS}?watch=1"), &[METADATA]).await;
    let event = watch.next().await.expect("an event");
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn chosen_fields_can_be_had_alone() {
    const PARTIAL: (&str, &str) = ("accept", "application/json;as=PartialObject;g=timonier.dev;v=v1,application/json");
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let labelled =
        json!({"metadata": {"labels": {"app": "web"}, "annotations": {"long": "text"}}, "data": {"z": "26"}});
    admin.merge(&format!("{CONFIG_MAPS}/c"), &labelled).await.ok();
    let query = "fields=metadata.labels,data.a";
    let list = admin.send(Method::GET, &format!("{CONFIG_MAPS}?{query}"), &[PARTIAL], "").await.ok();
    assert_eq!(list["kind"], "ConfigMapList");
    let object = &list["items"][0];
    assert_eq!((&object["metadata"]["name"], &object["metadata"]["labels"]["app"]), (&json!("c"), &json!("web")));
    assert_eq!(object["data"], json!({"a": "1"}));
    assert_eq!((object["metadata"].get("annotations"), object["metadata"].get("managedFields")), (None, None));
    let one = admin.send(Method::GET, &format!("{CONFIG_MAPS}/c?{query}"), &[PARTIAL], "").await.ok();
    assert_eq!(one["data"], object["data"]);

    let mut watch = admin.watch_as(&format!("{CONFIG_MAPS}?watch=1&{query}"), &[PARTIAL]).await;
    assert_eq!(watch.next().await.expect("an event")["object"]["data"], json!({"a": "1"}));
    // Others who ask for other fields see these.
    let mut other = admin.watch_as(&format!("{CONFIG_MAPS}?watch=1&fields=data.z"), &[PARTIAL]).await;
    assert_eq!(other.next().await.expect("an event")["object"]["data"], json!({"z": "26"}));
    admin.merge(&format!("{CONFIG_MAPS}/c"), &json!({"data": {"a": "2"}})).await.ok();
    let changed = watch.next().await.expect("an event");
    assert_eq!((&changed["type"], &changed["object"]["data"]), (&json!("MODIFIED"), &json!({"a": "2"})));
    assert_eq!(other.next().await.expect("an event")["object"]["data"], json!({"z": "26"}));

    let (code, _, message) = admin.send(Method::GET, CONFIG_MAPS, &[PARTIAL], "").await.refused();
    assert!(code == 400 && message.contains("fields: Required value"), "{code} {message}");
}
