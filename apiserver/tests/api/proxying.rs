use http::Method;
use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::{PODS, node, pod};

const NAMESPACED: &str = "/api/v1/namespaces/default";

#[tokio::test]
async fn what_cannot_be_proxied_to_is_refused_with_its_reason() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(PODS, &pod("unbound")).await.ok();
    let mut bound = pod("bound");
    bound["spec"]["nodeName"] = "n1".into();
    bound["metadata"]["labels"] = json!({"app": "web"});
    admin.post(PODS, &bound).await.ok();
    admin.post("/api/v1/nodes", &node("n1")).await.ok();
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}}}});
    admin.merge("/api/v1/nodes/n1/status", &status).await.ok();
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}});
    admin.post(&format!("{NAMESPACED}/services"), &service).await.ok();

    let away = "error trying to reach service: Get \"https://127.0.0.1:1/portForward/default/bound?port=8080\"";
    let cases = [
        ("pods/none/proxy/", 404, "pods \"none\" not found"),
        ("pods/unbound:80/proxy/", 400, "pod unbound does not have a host assigned"),
        ("pods/ftp:bound:80/proxy/", 400, "invalid pod request \"ftp:bound:80\""),
        ("pods/bound:http/proxy/", 400, "invalid pod request: port \"http\" is no port number"),
        ("pods/bound:8080/proxy/a?watch=true&limit=x", 503, away),
        ("services/none/proxy/", 404, "services \"none\" not found"),
        ("services/a:b:c:d/proxy/", 400, "invalid service request \"a:b:c:d\""),
        ("services/web:81/proxy/", 503, "no service port 81 found for service \"web\""),
        ("services/web/proxy/", 503, "no endpoints available for service \"web\""),
        ("services/web:http/proxy/", 503, "no endpoints available for service \"web\""),
    ];
    for (path, code, message) in cases {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            let refused = admin.send(method.clone(), &format!("{NAMESPACED}/{path}"), &[], "").await.refused();
            assert_eq!((refused.0, refused.2.starts_with(message)), (code, true), "{method} {path}: {}", refused.2);
        }
    }
    let ready = json!({"status": {"podIP": "10.1.0.1", "conditions": [{"type": "Ready", "status": "True"}]}});
    admin.merge(&format!("{PODS}/bound/status"), &ready).await.ok();
    for name in ["web:http", "web:80", "https:web:http"] {
        let refused = admin.get(&format!("{NAMESPACED}/services/{name}/proxy/")).await.refused();
        assert!(refused.0 == 503 && refused.2.starts_with(away), "{name}: {}", refused.2);
    }
    // Slices decide once there are any.
    let slice = |ready: bool, name: &str, address: &str| {
        json!({"metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}}, "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]})
    };
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let proxied = format!("{NAMESPACED}/services/web:http/proxy/");
    let none = "no endpoints available for service \"web\"";
    for (slice, expected) in [
        (slice(false, "bound", "10.1.0.1"), none),
        (slice(true, "bound", "10.9.9.9"), none),
        (slice(true, "elsewhere", "10.1.0.1"), none),
        (slice(true, "bound", "10.1.0.1"), away),
    ] {
        admin.post(slices, &slice).await.ok();
        let refused = admin.get(&proxied).await.refused();
        assert!(refused.2.starts_with(expected), "{slice}: {}", refused.2);
        admin.delete(&format!("{slices}/web-1")).await.ok();
    }

    let nodes = [
        ("n1/proxy/x", 503, "error trying to reach service: Get \"https://127.0.0.1:1/x\""),
        ("n1:1/proxy/x?a=b", 503, "error trying to reach service: Get \"https://127.0.0.1:1/x?a=b\""),
        ("n1:2/proxy/x", 400, "address not allowed"),
        ("none/proxy/x", 404, "nodes \"none\" not found"),
    ];
    for (path, code, message) in nodes {
        let refused = admin.get(&format!("/api/v1/nodes/{path}")).await.refused();
        assert_eq!((refused.0, refused.2.starts_with(message)), (code, true), "{path}: {}", refused.2);
    }
}

#[tokio::test]
async fn the_root_of_what_is_proxied_to_ends_with_a_slash() {
    let cluster = Cluster::start().await;
    let answer = cluster.admin().get(&format!("{NAMESPACED}/services/any:80/proxy?a=b")).await;
    assert_eq!(answer.code, 301);
    assert_eq!(answer.headers["location"], "/api/v1/namespaces/default/services/any:80/proxy/?a=b");
}

#[tokio::test]
async fn discovery_names_what_can_be_proxied_to() {
    let cluster = Cluster::start().await;
    let list: Value = cluster.admin().get("/api/v1").await.ok();
    let resources = list["resources"].as_array().expect("resources");
    for (name, kind) in
        [("pods", "PodProxyOptions"), ("services", "ServiceProxyOptions"), ("nodes", "NodeProxyOptions")]
    {
        let name = format!("{name}/proxy");
        let found = resources.iter().find(|resource| resource["name"] == *name).expect(&name);
        let verbs = json!(["create", "delete", "get", "patch", "update"]);
        assert_eq!((&found["kind"], &found["verbs"]), (&json!(kind), &verbs), "{name}");
    }
}
