use http::Method;
use serde_json::{Value, json};

use crate::fixture::{Answer, Client, Cluster, JSON};
use crate::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod};

async fn delete_with(admin: &Client, path: &str, options: Value) -> Answer {
    admin.send(Method::DELETE, path, &[JSON], &options.to_string()).await
}

#[tokio::test]
async fn a_deletion_answers_with_what_was_deleted() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    let status = admin.delete(&path).await.ok();
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(status["details"]["uid"], created["metadata"]["uid"]);
    assert_eq!(
        admin.delete(&path).await.refused(),
        (404, "NotFound".to_string(), "configmaps \"c\" not found".to_string())
    );
}

#[tokio::test]
async fn preconditions_protect_another_object_of_the_same_name() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    for wrong in [json!({"uid": "x"}), json!({"resourceVersion": "1"})] {
        assert_eq!(delete_with(&admin, &path, json!({"preconditions": wrong})).await.refused().0, 409);
    }
    let metadata = &created["metadata"];
    let right = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
    delete_with(&admin, &path, json!({"preconditions": right})).await.ok();
}

#[tokio::test]
async fn an_object_with_finalizers_stays_until_the_last_is_gone() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut object = config_map("c");
    object["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    admin.post(CONFIG_MAPS, &object).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1")).await;
    let ending = admin.delete(&path).await.ok();
    assert!(ending["metadata"]["deletionTimestamp"].is_string());
    let again = admin.delete(&path).await.ok();
    assert_eq!(again, ending, "a second deletion changes nothing");
    admin.merge(&path, &json!({"metadata": {"finalizers": ["example.com/b"]}})).await.ok();
    assert_eq!(admin.get(&path).await.code, 200);
    admin.merge(&path, &json!({"metadata": {"finalizers": null}})).await.ok();
    assert_eq!(admin.get(&path).await.code, 404);
    loop {
        let (kind, _) = watch.change().await;
        if kind == "DELETED" {
            break;
        }
    }
}

#[tokio::test]
async fn foreground_and_orphan_leave_a_finalizer_for_the_garbage_collector() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        let name = policy.to_lowercase();
        admin.post(DEPLOYMENTS, &deployment(&name)).await.ok();
        let path = format!("{DEPLOYMENTS}/{name}");
        delete_with(&admin, &path, json!({"propagationPolicy": policy})).await.ok();
        assert_eq!(admin.get(&path).await.ok()["metadata"]["finalizers"], json!([finalizer]));
    }
    assert_eq!(admin.delete(&format!("{DEPLOYMENTS}/orphan?propagationPolicy=x")).await.refused().0, 422);
}

#[tokio::test]
async fn a_pod_that_runs_is_given_its_grace_and_any_shorter_one() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut bound = pod("p");
    bound["spec"]["nodeName"] = "n1".into();
    admin.post(PODS, &bound).await.ok();
    let path = format!("{PODS}/p");
    let ending = admin.delete(&path).await.ok();
    assert_eq!(ending["metadata"]["deletionGracePeriodSeconds"], 30);
    let longer = delete_with(&admin, &path, json!({"gracePeriodSeconds": 60})).await.ok();
    assert_eq!(longer["metadata"]["deletionGracePeriodSeconds"], 30);
    let shorter = delete_with(&admin, &path, json!({"gracePeriodSeconds": 5})).await.ok();
    assert_eq!(shorter["metadata"]["deletionGracePeriodSeconds"], 5);
    delete_with(&admin, &path, json!({"gracePeriodSeconds": 0})).await.ok();
    assert_eq!(admin.get(&path).await.code, 404);
    // Nobody runs it: nothing to wait for.
    admin.post(PODS, &pod("unbound")).await.ok();
    admin.delete(&format!("{PODS}/unbound")).await.ok();
    assert_eq!(admin.get(&format!("{PODS}/unbound")).await.code, 404);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    for (name, team) in [("a", "x"), ("b", "y"), ("c", "x")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"team": team});
        admin.post(CONFIG_MAPS, &object).await.ok();
    }
    let deleted = admin.delete(&format!("{CONFIG_MAPS}?labelSelector=team%3Dx")).await.ok();
    assert_eq!(deleted["items"].as_array().map(Vec::len), Some(2));
    let left = admin.get(CONFIG_MAPS).await.ok();
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(admin.delete("/api/v1/namespaces").await.refused().0, 405);
}
