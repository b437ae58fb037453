//! What a write does not reach stays as it was, and the write comes to the same as one that looks at all of the object.

use serde_json::{Value, json};

use crate::fixture::Cluster;

/// A pod with much in it.
fn full(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}, "finalizers": ["example.com/wait"]},
        "spec": {
            "containers": [
                {"name": "a", "image": "busybox:1", "env": [{"name": "TEXT", "value": "\"spec\":{\\ é"}],
                    "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}},
                {"name": "b", "image": "busybox:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1"}}}],
            "initContainers": [{"name": "i", "image": "busybox:1", "resources": {"limits": {"cpu": "1"}}}],
            "restartPolicy": "Never",
            "nodeSelector": {"disk": "ssd"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}},
            "securityContext": {"runAsUser": 7},
            "volumes": [{"name": "v", "emptyDir": {}}]}})
}

/// The object without what no two objects share.
fn comparable(mut object: Value) -> Value {
    for field in ["uid", "resourceVersion", "creationTimestamp", "namespace", "deletionTimestamp"] {
        object["metadata"][field].take();
    }
    for owner in object["metadata"]["managedFields"].as_array_mut().expect("owners") {
        owner["time"].take();
    }
    for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"].take();
    }
    // The name of the token's volume is made up.
    let text = object.to_string();
    let volume = object["spec"]["volumes"].as_array().expect("volumes").iter();
    let name = volume.filter_map(|volume| volume["name"].as_str()).find(|name| name.starts_with("kube-api-access-"));
    match name {
        Some(name) => serde_json::from_str(&text.replace(name, "token")).expect("is JSON"),
        None => object,
    }
}

#[tokio::test]
async fn a_write_that_does_not_reach_the_containers_is_the_same_as_one_that_looks_at_them() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut seen: Vec<Vec<Value>> = vec![];
    for namespace in ["counted", "free"] {
        admin.post("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await.ok();
        if namespace == "counted" {
            // What a quota counts is looked at as a whole.
            let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "10"}}});
            admin.post(&format!("/api/v1/namespaces/{namespace}/resourcequotas"), &quota).await.ok();
        }
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        let pod = format!("{pods}/p");
        let mut states = vec![comparable(admin.post(&pods, &full("p")).await.ok())];
        let binding = json!({"target": {"kind": "Node", "name": "n1"}, "metadata": {"annotations": {"at": "1"}}});
        admin.post(&format!("{pod}/binding"), &binding).await.ok();
        let ended = |code: i64| {
            json!([{"name": "a", "state": {"terminated": {"exitCode": code, "reason": "Error"}}, "ready": false,
            "restartCount": 0, "image": "busybox:1", "imageID": ""}])
        };
        let again = json!([{"name": "a", "state": {"running": {}}, "ready": true, "restartCount": 1, "image": "busybox:1", "imageID": ""}]);
        let status = format!("{pod}/status");
        for (path, patch) in [
            (&pod, json!({"metadata": {"labels": {"app": null, "tier": "x"}, "annotations": {"n": "1"}}})),
            (
                &status,
                json!({"status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
                "conditions": [{"type": "Ready", "status": "True"}]}}),
            ),
            (&pod, json!({"metadata": {"annotations": {"n": "2"}}})),
            (&status, json!({"status": {"containerStatuses": ended(1)}})),
        ] {
            states.push(comparable(admin.merge(path, &patch).await.ok()));
        }
        let refused = admin.merge(&status, &json!({"status": {"containerStatuses": again}})).await.refused();
        assert_eq!(refused.0, 422, "a container that ended for good does not run again: {refused:?}");
        let wrong = admin.merge(&pod, &json!({"metadata": {"labels": {"a b": "c"}}})).await.refused();
        assert_eq!(wrong.0, 422, "{wrong:?}");
        let typed = admin.merge(&status, &json!({"status": {"conditions": "x"}})).await.refused();
        assert_eq!(typed.0, 400, "{typed:?}");
        let selected = format!("{pods}?fieldSelector=spec.nodeName=n1,status.podIP=10.0.0.1,status.phase=Running");
        assert_eq!(admin.get(&selected).await.ok()["items"].as_array().map(Vec::len), Some(1));
        admin.post(&format!("{pod}/eviction"), &json!({})).await.ok();
        states.push(comparable(admin.get(&pod).await.ok()));
        admin.delete(&format!("{pod}?gracePeriodSeconds=0")).await.ok();
        states.push(comparable(admin.get(&pod).await.ok()));
        let gone = admin.merge(&pod, &json!({"metadata": {"finalizers": null}})).await;
        states.push(comparable(gone.ok()));
        assert_eq!(admin.get(&pod).await.refused().0, 404);
        seen.push(states);
    }
    for (whole, reached) in seen[0].iter().zip(&seen[1]) {
        assert_eq!(whole, reached);
    }
    let last = seen[1].last().expect("states");
    assert_eq!(last["spec"]["nodeName"], "n1");
    assert_eq!(last["spec"]["containers"][0]["env"][0]["value"], "\"spec\":{\\ é");
}

#[tokio::test]
async fn nobody_is_warned_again_of_what_a_write_does_not_reach() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut pod = full("p");
    pod["spec"]["hostUsers"] = false.into();
    let pods = "/api/v1/namespaces/default/pods";
    assert!(!admin.post(pods, &pod).await.warnings().is_empty());
    let patched = admin.merge(&format!("{pods}/p"), &json!({"metadata": {"labels": {"a": "b"}}})).await;
    assert!(patched.warnings().is_empty());
}
