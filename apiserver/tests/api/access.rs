use http::Method;
use serde_json::json;

use crate::fixture::{As, Client, Cluster, Protocol};
use crate::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, node, pod};

#[tokio::test]
async fn anonymous_requests_get_the_health_endpoints_only() {
    let cluster = Cluster::start().await;
    let anonymous = cluster.client(As::Anonymous, Protocol::Http1);
    for path in ["/healthz", "/livez", "/readyz", "/readyz?verbose", "/version"] {
        assert_eq!(anonymous.get(path).await.code, 200, "{path}");
    }
    let cases = [
        ("/api", "forbidden: User \"system:anonymous\" cannot get path \"/api\""),
        ("/metrics", "forbidden: User \"system:anonymous\" cannot get path \"/metrics\""),
        (
            PODS,
            "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
        ),
        (
            "/api/v1/nodes/n",
            "nodes \"n\" is forbidden: User \"system:anonymous\" cannot get resource \"nodes\" in API group \"\" at the cluster scope",
        ),
    ];
    for (path, message) in cases {
        assert_eq!(anonymous.get(path).await.refused(), (403, "Forbidden".to_string(), message.to_string()), "{path}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_knows_is_401_and_a_known_one_is_its_user() {
    let cluster = Cluster::start().await;
    let wrong = cluster.client(As::Token("guess"), Protocol::Http1);
    assert_eq!(wrong.get("/healthz").await.refused().0, 401);
    let bob = cluster.client(As::Token("bob-token"), Protocol::Http1);
    assert_eq!(bob.get("/api").await.code, 200);
    let (code, _, message) = bob.post(CONFIG_MAPS, &config_map("c")).await.refused();
    assert_eq!(code, 403);
    assert!(message.starts_with("configmaps is forbidden: User \"bob\" cannot create resource"), "{message}");
}

#[tokio::test]
async fn a_client_certificate_is_its_name_and_groups() {
    let cluster = Cluster::start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let master = cluster.client(As::Certificate("root", "system:masters"), protocol);
        assert_eq!(master.get("/api/v1/secrets").await.code, 200);
        let guest = cluster.client(As::Certificate("guest", "guests"), protocol);
        let (_, _, message) = guest.get("/api/v1/secrets").await.refused();
        assert!(message.contains("User \"guest\""), "{message}");
    }
}

async fn refuse(client: &Client, method: Method, path: &str, body: &serde_json::Value) {
    let media_type = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let answer = client.send(method.clone(), path, &[("content-type", media_type)], &body.to_string()).await;
    assert_eq!(answer.refused().0, 403, "{method} {path}");
}

#[tokio::test]
async fn an_agent_writes_only_its_own_node_lease_and_pods() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let agent = cluster.client(As::Certificate("system:node:n1", "system:nodes"), Protocol::Http2);
    agent.post("/api/v1/nodes", &node("n1")).await.ok();
    admin.post("/api/v1/nodes", &node("n2")).await.ok();
    let lease = |name: &str| json!({"metadata": {"name": name}, "spec": {"holderIdentity": name}});
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    agent.post(leases, &lease("n1")).await.ok();
    agent.merge("/api/v1/nodes/n1/status", &json!({"status": {"phase": "Running"}})).await.ok();
    for (name, on) in [("mine", "n1"), ("other", "n2")] {
        let mut pod = pod(name);
        pod["spec"]["nodeName"] = on.into();
        admin.post(PODS, &pod).await.ok();
    }
    agent.merge(&format!("{PODS}/mine/status"), &json!({"status": {"phase": "Running"}})).await.ok();
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "reason": "r"});
    agent.post("/api/v1/namespaces/default/events", &event).await.ok();

    let phase = json!({"status": {"phase": "Running"}});
    refuse(&agent, Method::POST, "/api/v1/nodes", &node("n3")).await;
    refuse(&agent, Method::PATCH, "/api/v1/nodes/n2/status", &phase).await;
    refuse(&agent, Method::POST, leases, &lease("n2")).await;
    refuse(&agent, Method::PATCH, &format!("{PODS}/other/status"), &phase).await;
    refuse(&agent, Method::PATCH, &format!("{PODS}/mine"), &json!({"metadata": {"labels": {"a": "b"}}})).await;
    refuse(&agent, Method::POST, PODS, &pod("new")).await;
    refuse(&agent, Method::POST, DEPLOYMENTS, &deployment("d")).await;
    let now = json!({"gracePeriodSeconds": 0});
    refuse(&agent, Method::DELETE, &format!("{PODS}/other"), &now).await;
    refuse(&agent, Method::DELETE, &format!("{PODS}/mine"), &json!({})).await;
    let last = agent
        .send(Method::DELETE, &format!("{PODS}/mine"), &[("content-type", "application/json")], &now.to_string())
        .await;
    assert_eq!(last.code, 200);
    assert_eq!(admin.get(&format!("{PODS}/mine")).await.code, 404);
}

#[tokio::test]
async fn the_first_namespaces_are_there_and_stay() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let list = admin.get("/api/v1/namespaces").await.ok();
    let names: Vec<&str> =
        list["items"].as_array().expect("items").iter().filter_map(|n| n["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["default", "kube-node-lease", "kube-public", "kube-system"]);
    for name in ["default", "kube-public", "kube-system"] {
        let (code, _, message) = admin.delete(&format!("/api/v1/namespaces/{name}")).await.refused();
        assert_eq!(
            (code, message),
            (403, format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted"))
        );
    }
}
