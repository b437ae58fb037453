use serde_json::json;

use crate::fixture::Cluster;
use crate::{PODS, node, pod};

#[tokio::test]
async fn a_log_that_cannot_be_had_says_why() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut two = pod("two");
    two["spec"]["containers"] = json!([{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]);
    admin.post(PODS, &two).await.ok();
    admin.post(PODS, &pod("one")).await.ok();
    let cases = [
        ("none", 404, "pods \"none\" not found"),
        ("two", 400, "a container name must be specified for pod two, choose one of: [a b]"),
        ("two/log?container=z", 400, "container z is not valid for pod two"),
        ("one", 400, "pod one does not have a host assigned"),
    ];
    for (name, code, message) in cases {
        let path = if name.contains('/') { format!("{PODS}/{name}") } else { format!("{PODS}/{name}/log") };
        let refused = admin.get(&path).await.refused();
        assert_eq!((refused.0, &*refused.2), (code, message));
    }
    let mut bound = pod("bound");
    bound["spec"]["nodeName"] = "n1".into();
    admin.post(PODS, &bound).await.ok();
    assert_eq!(admin.get(&format!("{PODS}/bound/log")).await.refused().2, "nodes \"n1\" not found");
    admin.post("/api/v1/nodes", &node("n1")).await.ok();
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}}}});
    admin.merge("/api/v1/nodes/n1/status", &status).await.ok();
    let (code, _, message) = admin.get(&format!("{PODS}/bound/log")).await.refused();
    assert_eq!(code, 500);
    assert!(message.contains("https://127.0.0.1:1/containerLogs/default/bound/c"), "{message}");
}
