//! Why a pod waits, answered from the state that the scheduler decided on.

use serde_json::{Value, json};

use super::PODS;
use super::fixture::{As, Client, Cluster, Protocol};

const NODES: &str = "/api/v1/nodes";
const WHY: &str = "/apis/timonier.dev/v1/namespaces/default/pods";

async fn node(admin: &Client, name: &str, cpu: &str) {
    admin.post(NODES, &json!({"metadata": {"name": name}})).await.ok();
    let status = json!({"status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}}});
    admin.merge(&format!("{NODES}/{name}/status"), &status).await.ok();
}

async fn pod(admin: &Client, name: &str, cpu: &str) -> Value {
    let container = json!({"name": "c", "image": "web:1", "resources": {"requests": {"cpu": cpu}}});
    admin.post(PODS, &json!({"metadata": {"name": name}, "spec": {"containers": [container]}})).await.ok()
}

async fn bind(admin: &Client, name: &str, node: &str, seen: &str) {
    let marks = json!({"name": name, "annotations": {"timonier.dev/decided-at": seen}});
    let target = json!({"kind": "Node", "name": node});
    admin.post(&format!("{PODS}/{name}/binding"), &json!({"metadata": marks, "target": target})).await.ok();
}

fn revision(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().expect("a revision")
}

#[tokio::test]
async fn a_pod_is_explained_from_the_state_that_was_decided_on() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    node(&admin, "n1", "2").await;
    let waiting = pod(&admin, "waiting", "3").await;
    let why = async |query: &str| admin.get(&format!("{WHY}/waiting/why{query}")).await.ok();

    let told = why("").await;
    assert_eq!((&told["kind"], &told["apiVersion"]), (&json!("Explanation"), &json!("timonier.dev/v1")));
    assert_eq!(told["verdict"], "Unschedulable");
    assert_eq!(told["basis"]["decidedAt"], Value::Null, "nobody has decided");
    assert_eq!(told["groups"][0]["refusals"][0]["detail"], "cpu: wants 3, 2 of 2 free");

    let decided = revision(&waiting);
    let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
    let marks = json!({"annotations": {"timonier.dev/decided-at": decided, "other": "1"}});
    let noted = json!({"metadata": marks, "status": {"conditions": [condition]}});
    let noted = admin.merge(&format!("{PODS}/waiting/status"), &noted).await.ok();
    assert_eq!(noted["metadata"]["annotations"], json!({"timonier.dev/decided-at": decided}));
    node(&admin, "n2", "4").await;
    let told = why("").await;
    assert_eq!((&told["verdict"], &told["nodes"]["total"]), (&json!("Unschedulable"), &json!(1)));
    assert_eq!((&told["basis"]["resourceVersion"], &told["basis"]["decidedAt"]), (&json!(decided), &json!(decided)));
    let told = why("?now=true").await;
    assert_eq!((&told["verdict"], &told["nodes"]), (&json!("Schedulable"), &json!({"total": 2, "feasible": 1})));
    assert_eq!(told["scores"][0]["node"], "n2");
    assert_eq!(why(&format!("?resourceVersion={decided}")).await["nodes"]["total"], 1);

    let ahead = json!({"metadata": {"annotations": {"timonier.dev/decided-at": "123456789"}}});
    admin.merge(&format!("{PODS}/waiting/status"), &ahead).await.ok();
    let told = why("").await;
    assert_eq!(told["verdict"], "Schedulable");
    assert!(told["basis"]["note"].as_str().is_some_and(|note| note.contains("no longer kept")), "{told}");

    assert_eq!(admin.get(&format!("{WHY}/nobody/why")).await.refused().0, 404);
    assert_eq!(admin.get(&format!("{WHY}/waiting/why?nodes=some")).await.refused().0, 400);
    assert_eq!(admin.get(&format!("{WHY}/waiting/why?now=true&resourceVersion=1")).await.refused().0, 400);
    assert_eq!(admin.get(&format!("{WHY}/waiting/why?resourceVersion=1234567890")).await.refused().0, 504);
}

#[tokio::test]
async fn one_that_has_its_node_is_told_what_the_nodes_were_worth_when_it_got_it() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    node(&admin, "n1", "4").await;
    node(&admin, "n2", "8").await;
    let first = pod(&admin, "first", "2").await;
    bind(&admin, "first", "n2", revision(&first)).await;
    admin.delete(&format!("{NODES}/n1")).await.ok();
    let told = admin.get(&format!("{WHY}/first/why")).await.ok();
    assert_eq!((&told["verdict"], &told["node"]), (&json!("Scheduled"), &json!("n2")));
    assert_eq!(told["nodes"], json!({"total": 2, "feasible": 2}));
    let scores: Vec<_> = told["scores"].as_array().expect("scores").iter().map(|score| &score["node"]).collect();
    assert_eq!(scores, [&json!("n2"), &json!("n1")]);
}

#[tokio::test]
async fn nobody_is_told_more_than_they_may_read() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    node(&admin, "n1", "4").await;
    let taint = json!({"spec": {"taints": [{"key": "secret-project", "effect": "NoSchedule"}]}});
    admin.merge(&format!("{NODES}/n1"), &taint).await.ok();
    admin.post("/api/v1/namespaces", &json!({"metadata": {"name": "other"}})).await.ok();
    let web = |name: &str| {
        let container = json!({"name": "c", "image": "web:1", "ports": [{"containerPort": 80, "hostPort": 80}]});
        json!({"metadata": {"name": name}, "spec": {"containers": [container]}})
    };
    admin.post("/api/v1/namespaces/other/pods", &web("hidden")).await.ok();
    let target = json!({"metadata": {"name": "hidden"}, "target": {"kind": "Node", "name": "n1"}});
    admin.post("/api/v1/namespaces/other/pods/hidden/binding", &target).await.ok();
    admin.post(PODS, &web("web")).await.ok();
    let path = format!("{WHY}/web/why");

    let seen = admin.get(&path).await.ok().to_string();
    assert!(seen.contains("secret-project") && seen.contains("other/hidden"), "{seen}");
    let ann = cluster.client(As::Certificate("ann", "people"), Protocol::Http1);
    assert_eq!(ann.get(&path).await.code, 403);
    let view = json!({"metadata": {"name": "view"}, "subjects": [{"kind": "User", "name": "ann"}],
        "roleRef": {"kind": "ClusterRole", "name": "view"}});
    admin.post("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", &view).await.ok();
    let told = ann.get(&path).await.ok();
    let seen = told.to_string();
    assert!(!seen.contains("secret-project") && !seen.contains("other/hidden"), "{seen}");
    let details: Vec<_> =
        told["groups"][0]["refusals"].as_array().expect("refusals").iter().map(|r| &r["detail"]).collect();
    assert_eq!(
        details,
        ["node(s) had untolerated taint(s)", "host port 80/TCP is taken by a pod of another namespace"]
    );
}
