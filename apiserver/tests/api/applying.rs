use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::{CONFIG_MAPS, DEPLOYMENTS, config_map, deployment};

fn applied(data: Value) -> Value {
    let mut object = config_map("c");
    object["data"] = data;
    object
}

#[tokio::test]
async fn apply_makes_changes_removes_and_leaves_what_others_own() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let path = format!("{CONFIG_MAPS}/c?fieldManager=me");
    let first = admin.apply(&path, &applied(json!({"a": "1", "b": "1"}))).await;
    assert_eq!(first.code, 201);
    let first = first.ok();
    assert_eq!(first["metadata"]["managedFields"][0]["manager"], "me");
    assert_eq!(first["metadata"]["managedFields"][0]["operation"], "Apply");
    let again = admin.apply(&path, &applied(json!({"a": "1", "b": "1"}))).await.ok();
    assert_eq!(again, first, "the same configuration again changes nothing");
    admin.merge(&format!("{CONFIG_MAPS}/c?fieldManager=other"), &json!({"data": {"z": "9"}})).await.ok();
    let second = admin.apply(&path, &applied(json!({"a": "2"}))).await.ok();
    assert_eq!(second["data"], json!({"a": "2", "z": "9"}));
}

#[tokio::test]
async fn a_field_of_another_manager_is_a_conflict_named_field_by_field() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let path = |manager: &str| format!("{CONFIG_MAPS}/c?fieldManager={manager}");
    admin.apply(&path("one"), &applied(json!({"a": "1"}))).await.ok();
    let answer = admin.apply(&path("two"), &applied(json!({"a": "2"}))).await;
    let (code, reason, message) = answer.refused();
    assert_eq!((code, &*reason), (409, "Conflict"));
    assert_eq!(message, "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    let cause = &answer.json()["details"]["causes"][0];
    assert_eq!((&cause["reason"], &cause["field"]), (&json!("FieldManagerConflict"), &json!(".data.a")));
    let forced = admin.apply(&format!("{}&force=true", path("two")), &applied(json!({"a": "2"}))).await.ok();
    assert_eq!(forced["data"]["a"], "2");
}

#[tokio::test]
async fn an_apply_that_cannot_be_is_refused() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let bare = format!("{CONFIG_MAPS}/c");
    let path = format!("{bare}?fieldManager=me");
    let (code, _, message) = admin.apply(&bare, &config_map("c")).await.refused();
    assert_eq!(code, 422);
    assert!(message.contains("fieldManager: Required value: is required for apply patch"), "{message}");
    assert_eq!(admin.apply(&path, &config_map("d")).await.refused().0, 400);
    assert_eq!(admin.apply(&path, &json!({"metadata": {"name": "c"}})).await.refused().0, 400);
    let mut with_uid = config_map("c");
    with_uid["metadata"]["uid"] = "x".into();
    assert!(matches!(admin.apply(&path, &with_uid).await.refused().0, 404 | 409));
    assert_eq!(admin.get(&bare).await.code, 404);
    let mut twice = deployment("web");
    let container = twice["spec"]["template"]["spec"]["containers"][0].clone();
    twice["spec"]["template"]["spec"]["containers"] = json!([container, container]);
    let (code, _, message) = admin.apply(&format!("{DEPLOYMENTS}/web?fieldManager=me"), &twice).await.refused();
    assert_eq!(code, 400);
    assert!(message.contains("spec.template.spec.containers"), "{message}");
}
