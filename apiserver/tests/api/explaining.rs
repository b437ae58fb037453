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

const EXPLANATIONS: &str = "/apis/timonier.dev/v1/namespaces/default/explanations";

#[tokio::test]
async fn a_pod_is_judged_by_the_profile_that_its_scheduler_has_published() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    node(&admin, "n1", "4").await;
    let taint = json!({"spec": {"taints": [{"key": "team", "effect": "NoSchedule"}]}});
    admin.merge(&format!("{NODES}/n1"), &taint).await.ok();
    let container = json!({"name": "c", "image": "web:1"});
    let spec = json!({"schedulerName": "lenient", "containers": [container]});
    admin.post(PODS, &json!({"metadata": {"name": "web"}, "spec": spec})).await.ok();
    let why = async || admin.get(&format!("{WHY}/web/why")).await.ok();

    let told = why().await;
    assert_eq!(told["verdict"], "NotOurs");
    let message = told["message"].as_str().expect("a message");
    assert!(
        message.contains("does not serve the schedulerName \"lenient\", but only \"default-scheduler\"."),
        "{message}"
    );
    assert_eq!(told["changes"][0]["steps"][0], json!({"type": "useScheduler", "name": "default-scheduler"}));

    let configuration = json!({"apiVersion": "timonier.dev/v1", "kind": "SchedulerConfiguration",
        "profiles": [{"schedulerName": "lenient", "disabled": ["TaintToleration"]}]});
    let maps = "/api/v1/namespaces/kube-system/configmaps";
    let data = json!({"configuration": configuration.to_string()});
    admin.post(maps, &json!({"metadata": {"name": "timonier-scheduler"}, "data": data})).await.ok();
    assert_eq!(why().await["verdict"], "Schedulable");

    let broken = json!({"data": {"configuration": "{}"}});
    admin.merge(&format!("{maps}/timonier-scheduler"), &broken).await.ok();
    let told = why().await;
    let note = told["basis"]["note"].as_str().unwrap_or_default();
    assert!(note.contains("ConfigMap kube-system/timonier-scheduler, cannot be read"), "{told}");
}

#[tokio::test]
async fn budgets_and_promises_are_taken_into_account() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    node(&admin, "n1", "4").await;
    for name in ["a", "b"] {
        let made = pod(&admin, name, "1").await;
        bind(&admin, name, "n1", revision(&made)).await;
    }
    admin.merge(&format!("{PODS}/a"), &json!({"metadata": {"labels": {"app": "db"}}})).await.ok();
    let budget =
        json!({"metadata": {"name": "keep"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "db"}}}});
    admin.post("/apis/policy/v1/namespaces/default/poddisruptionbudgets", &budget).await.ok();
    pod(&admin, "waiting", "3").await;
    let why = async || admin.get(&format!("{WHY}/waiting/why")).await.ok();
    let removed = |told: &Value| {
        let steps = told["changes"].as_array().into_iter().flatten().map(|change| change["steps"][0].clone());
        steps.filter(|step| step["type"] == "removePods").collect::<Vec<_>>()
    };
    assert_eq!(removed(&why().await), [json!({"type": "removePods", "node": "n1", "pods": ["default/b"]})]);

    pod(&admin, "promised", "2").await;
    let promise = json!({"status": {"nominatedNodeName": "n1"}});
    admin.merge(&format!("{PODS}/promised/status"), &promise).await.ok();
    let told = why().await;
    let refusal = &told["groups"][0]["refusals"][0];
    assert_eq!(refusal["detail"], "cpu: wants 3, 0 of 4 free, as room is held for pod default/promised");
    assert_eq!(refusal["heldFor"], json!(["default/promised"]));
}

#[tokio::test]
async fn all_that_wait_are_told_at_once_one_of_each_controllers() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    node(&admin, "n1", "4").await;
    for (name, owner) in [("web-1", Some("web")), ("web-2", Some("web")), ("web-3", Some("web")), ("alone", None)] {
        let owner = owner.map(|name| {
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": name, "controller": true})
        });
        let owners: Vec<_> = owner.into_iter().collect();
        let container = json!({"name": "c", "image": "web:1", "resources": {"requests": {"cpu": "9"}}});
        let metadata = json!({"name": name, "labels": {"name": name}, "ownerReferences": owners});
        admin.post(PODS, &json!({"metadata": metadata, "spec": {"containers": [container]}})).await.ok();
    }
    let placed = pod(&admin, "placed", "1").await;
    bind(&admin, "placed", "n1", revision(&placed)).await;
    let names = |list: &Value| {
        let items = list["items"].as_array().expect("items").iter();
        let one =
            |item: &Value| (item["metadata"]["name"].as_str().expect("a name").to_string(), item["likeIt"].as_i64());
        items.map(one).collect::<Vec<_>>()
    };
    let all = admin.get(EXPLANATIONS).await.ok();
    assert_eq!(all["kind"], "ExplanationList");
    assert_eq!(names(&all), [("alone".into(), None), ("web-1".into(), Some(2))]);
    assert!(
        all["items"][1]["groups"][0]["refusals"][0]["detail"]
            .as_str()
            .is_some_and(|one| one.starts_with("cpu: wants 9"))
    );
    let some = admin.get(&format!("{EXPLANATIONS}?labelSelector=name%20in%20(web-2,web-3,placed)")).await.ok();
    assert_eq!(names(&some), [("web-2".into(), Some(1))]);
    let everywhere = "/apis/timonier.dev/v1/explanations";
    assert_eq!(names(&admin.get(everywhere).await.ok()).len(), 2);
    assert_eq!(admin.get(&format!("{EXPLANATIONS}?labelSelector=%3D%3D")).await.refused().0, 400);

    let ann = cluster.client(As::Certificate("ann", "people"), Protocol::Http1);
    assert_eq!(ann.get(EXPLANATIONS).await.code, 403);
    let view = json!({"metadata": {"name": "view"}, "subjects": [{"kind": "User", "name": "ann"}],
        "roleRef": {"kind": "ClusterRole", "name": "view"}});
    admin.post("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", &view).await.ok();
    assert_eq!(names(&ann.get(EXPLANATIONS).await.ok()).len(), 2);
    assert_eq!(ann.get(everywhere).await.code, 403);
}
