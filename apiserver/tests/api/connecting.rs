use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::{PODS, node, pod};

#[tokio::test]
async fn a_connection_that_cannot_be_had_says_why() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut two = pod("two");
    two["spec"]["containers"] = json!([{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]);
    admin.post(PODS, &two).await.ok();
    admin.post(PODS, &pod("one")).await.ok();
    let mut bound = pod("bound");
    bound["spec"]["nodeName"] = "n1".into();
    admin.post(PODS, &bound).await.ok();
    let cases = [
        ("none/exec?command=x", 404, "pods \"none\" not found"),
        ("two/exec?command=x", 400, "a container name must be specified for pod two, choose one of: [a b]"),
        ("two/attach?container=z", 400, "container z is not valid for pod two"),
        ("one/exec?command=x", 400, "pod one does not have a host assigned"),
        ("one/portforward", 400, "pod one does not have a host assigned"),
        ("bound/portforward", 404, "nodes \"n1\" not found"),
    ];
    for (path, code, message) in cases {
        let refused = admin.get(&format!("{PODS}/{path}")).await.refused();
        assert_eq!((refused.0, &*refused.2), (code, message), "{path}");
        let refused = admin.post(&format!("{PODS}/{path}"), &json!({})).await.refused();
        assert_eq!((refused.0, &*refused.2), (code, message), "POST {path}");
    }
    admin.post("/api/v1/nodes", &node("n1")).await.ok();
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}});
    admin.merge("/api/v1/nodes/n1/status", &status).await.ok();
    for path in ["bound/exec?command=x&stdout=1", "bound/attach?stdout=1", "bound/portforward"] {
        let refused = admin.get(&format!("{PODS}/{path}")).await.refused();
        assert_eq!((refused.0, &*refused.2), (400, "Upgrade request required"), "{path}");
    }
}

#[tokio::test]
async fn discovery_names_what_connections_take() {
    let cluster = Cluster::start().await;
    let list: Value = cluster.admin().get("/api/v1").await.ok();
    let resources = list["resources"].as_array().expect("resources");
    for (name, kind) in [
        ("pods/exec", "PodExecOptions"),
        ("pods/attach", "PodAttachOptions"),
        ("pods/portforward", "PodPortForwardOptions"),
    ] {
        let found = resources.iter().find(|resource| resource["name"] == name).expect(name);
        assert_eq!((&found["kind"], &found["verbs"]), (&json!(kind), &json!(["create", "get"])), "{name}");
    }
}
