use http::Method;
use serde_json::json;

use crate::fixture::Cluster;
use crate::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod};

#[tokio::test]
async fn an_update_of_an_old_revision_is_a_conflict() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let first = admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    let mut mine = first.clone();
    mine["data"]["a"] = "mine".into();
    let second = admin.put(&path, &mine).await.ok();
    assert_ne!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let (code, reason, message) = admin.put(&path, &mine).await.refused();
    assert_eq!((code, &*reason), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"c\": the object has been modified; please apply your changes to the latest version and try again"
    );
    // Without a revision the last writer wins.
    admin.put(&path, &config_map("c")).await.ok();
    let mut other = config_map("c");
    other["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
    assert_eq!(admin.put(&path, &other).await.refused().0, 409);
    assert_eq!(admin.put(&format!("{CONFIG_MAPS}/d"), &config_map("d")).await.refused().0, 404);
    assert_eq!(admin.put(&path, &config_map("d")).await.refused().0, 400);
}

#[tokio::test]
async fn an_update_that_changes_nothing_takes_no_revision() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    assert_eq!(admin.put(&path, &created).await.ok(), created);
    assert_eq!(admin.merge(&path, &json!({"data": {"a": "1"}})).await.ok(), created);
}

#[tokio::test]
async fn spec_and_status_are_written_apart() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = admin.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let path = format!("{DEPLOYMENTS}/web");
    let mut changed = created.clone();
    changed["spec"]["replicas"] = 7.into();
    changed["status"] = json!({"replicas": 7});
    let spec = admin.put(&path, &changed).await.ok();
    assert_eq!((&spec["spec"]["replicas"], spec["status"].get("replicas")), (&json!(7), None));
    let mut changed = spec.clone();
    changed["spec"]["replicas"] = 9.into();
    changed["status"] = json!({"replicas": 7, "observedGeneration": 2});
    let status = admin.put(&format!("{path}/status"), &changed).await.ok();
    assert_eq!((&status["spec"]["replicas"], &status["status"]["replicas"]), (&json!(7), &json!(7)));
    assert_eq!(status["metadata"]["generation"], spec["metadata"]["generation"]);
}

#[tokio::test]
async fn every_kind_of_patch_changes_what_it_names() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let path = format!("{DEPLOYMENTS}/web");
    let cases = [
        ("application/json-patch+json", json!([{"op": "replace", "path": "/spec/replicas", "value": 4}]), 4),
        ("application/merge-patch+json", json!({"spec": {"replicas": 5}}), 5),
        ("application/strategic-merge-patch+json", json!({"spec": {"replicas": 6}}), 6),
    ];
    for (media_type, patch, replicas) in cases {
        let answer = admin.send(Method::PATCH, &path, &[("content-type", media_type)], &patch.to_string()).await;
        assert_eq!(answer.ok()["spec"]["replicas"], replicas, "{media_type}");
    }
    // Containers are told apart by name: one is added, none replaced.
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "d", "image": "x"}]}}}});
    let media_type = ("content-type", "application/strategic-merge-patch+json");
    let patched = admin.send(Method::PATCH, &path, &[media_type], &patch.to_string()).await.ok();
    assert_eq!(patched["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(2));
    let bad = [
        ("application/json-patch+json", json!([{"op": "test", "path": "/spec/replicas", "value": 1}]), 422),
        ("application/json-patch+json", json!({"op": "add"}), 400),
        ("application/merge-patch+json", json!([]), 400),
        ("application/merge-patch+json", json!({"spec": {"replicas": "many"}}), 400),
        ("application/merge-patch+json", json!({"spec": {"replicas": -1}}), 422),
        ("application/merge-patch+json", json!({"metadata": {"name": "other"}}), 400),
    ];
    for (media_type, patch, code) in bad {
        let answer = admin.send(Method::PATCH, &path, &[("content-type", media_type)], &patch.to_string()).await;
        assert_eq!(answer.refused().0, code, "{patch}");
    }
}

#[tokio::test]
async fn patches_without_a_revision_never_lose_each_other() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    let patches = (0..32).map(|n| {
        let (admin, path) = (admin.clone(), path.clone());
        async move { admin.merge(&path, &json!({"data": {(format!("k{n}")): "v"}})).await.ok() }
    });
    futures::future::join_all(patches).await;
    let data = admin.get(&path).await.ok()["data"].clone();
    assert_eq!(data.as_object().map(|d| d.len()), Some(33));
    let old = json!({"metadata": {"resourceVersion": "1"}, "data": {"z": "z"}});
    assert_eq!(admin.merge(&path, &old).await.refused().0, 409);
}

#[tokio::test]
async fn a_lease_is_made_by_its_first_update() {
    let cluster = Cluster::start().await;
    let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
    let lease = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}});
    assert_eq!(cluster.admin().put(path, &lease).await.code, 201);
    assert_eq!(cluster.admin().put(path, &lease).await.code, 200);
}

#[tokio::test]
async fn what_may_not_change_is_named() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(PODS, &pod("p")).await.ok();
    let patch = json!({"spec": {"hostNetwork": true}});
    let (code, _, message) = admin.merge(&format!("{PODS}/p"), &patch).await.refused();
    assert_eq!(code, 422);
    assert!(message.contains("spec: Forbidden: pod updates may not change fields other than"), "{message}");
}
