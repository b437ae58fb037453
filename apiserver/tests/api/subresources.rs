use serde_json::json;

use crate::fixture::Cluster;
use crate::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod};

#[tokio::test]
async fn scale_is_the_number_of_replicas_as_an_object() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = admin.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let path = format!("{DEPLOYMENTS}/web/scale");
    let mut scale = admin.get(&path).await.ok();
    assert_eq!((&scale["kind"], &scale["apiVersion"]), (&json!("Scale"), &json!("autoscaling/v1")));
    assert_eq!(scale["spec"]["replicas"], 3);
    assert_eq!(scale["status"]["selector"], "app=web");
    assert_eq!(scale["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    scale["spec"]["replicas"] = 5.into();
    assert_eq!(admin.put(&path, &scale).await.ok()["spec"]["replicas"], 5);
    assert_eq!(admin.put(&path, &scale).await.refused().0, 409, "its revision is old");
    assert_eq!(admin.merge(&path, &json!({"spec": {"replicas": 2}})).await.ok()["spec"]["replicas"], 2);
    let web = admin.get(&format!("{DEPLOYMENTS}/web")).await.ok();
    assert_eq!((&web["spec"]["replicas"], &web["metadata"]["generation"]), (&json!(2), &json!(3)));
    assert_eq!(admin.merge(&path, &json!({"spec": {"replicas": -1}})).await.refused().0, 422);
    assert_eq!(admin.get(&format!("{CONFIG_MAPS}/c/scale")).await.refused().0, 404);
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(PODS, &pod("p")).await.ok();
    let binding = |node: &str| json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}});
    let path = format!("{PODS}/p/binding");
    let answer = admin.post(&path, &binding("n1")).await;
    assert_eq!((answer.code.as_u16(), &answer.ok()["status"]), (201, &json!("Success")));
    let bound = admin.get(&format!("{PODS}/p")).await.ok();
    assert_eq!(bound["spec"]["nodeName"], "n1");
    let condition = &bound["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("PodScheduled"), &json!("True")));
    assert_eq!(
        admin.post(&path, &binding("n2")).await.refused(),
        (
            409,
            "Conflict".to_string(),
            "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\"".to_string()
        )
    );
    assert_eq!(admin.post(&path, &json!({"metadata": {"name": "p"}, "target": {}})).await.refused().0, 422);
    assert_eq!(admin.post(&format!("{PODS}/q/binding"), &binding("n1")).await.refused().0, 400);
}

#[tokio::test]
async fn an_event_has_two_faces_and_is_stored_once() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let event = json!({"metadata": {"name": "e"}, "reason": "Started", "message": "it runs", "type": "Normal",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"}, "source": {"component": "kubelet"}});
    admin.post("/api/v1/namespaces/default/events", &event).await.ok();
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    let other = admin.get(&format!("{path}/e")).await.ok();
    assert_eq!((&other["apiVersion"], &other["kind"]), (&json!("events.k8s.io/v1"), &json!("Event")));
    assert_eq!((&other["note"], &other["regarding"]["name"]), (&json!("it runs"), &json!("p")));
    let list = admin.get(path).await.ok();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    let selected = admin.get("/api/v1/events?fieldSelector=involvedObject.name%3Dp,reason%3DStarted").await.ok();
    assert_eq!(selected["items"].as_array().map(Vec::len), Some(1));
    let mut watch = admin.watch(&format!("{path}?watch=1")).await;
    assert_eq!(watch.next().await.expect("an event")["object"]["note"], "it runs");
    admin.merge(&format!("{path}/e"), &json!({"note": "it stopped"})).await.ok();
    let core = admin.get("/api/v1/namespaces/default/events/e").await.ok();
    assert_eq!((&core["message"], &core["apiVersion"]), (&json!("it stopped"), &json!("v1")));
}

#[tokio::test]
async fn only_what_a_kind_has_is_there() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    assert_eq!(admin.get(&format!("{CONFIG_MAPS}/c/status")).await.refused().0, 404);
    admin.post(PODS, &pod("p")).await.ok();
    assert_eq!(admin.delete(&format!("{PODS}/p/status")).await.refused().0, 405);
    assert_eq!(admin.post(&format!("{PODS}/p"), &pod("p")).await.refused().0, 405);
}
