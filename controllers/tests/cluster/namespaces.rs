use serde_json::json;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_namespace_is_emptied_and_then_goes() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["namespace", "deployment", "replicaset", "garbage-collector"], None);
    let _kubelet = Kubelet::start(&cluster);
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"},
        "spec": {"finalizers": ["kubernetes"]}});
    cluster.create(&NAMESPACES, None, body).await;
    cluster.create(&DEPLOYMENTS, Some("shop"), deployment("web", 2, "one")).await;
    let mut held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held"}});
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create(&CONFIG_MAPS, Some("shop"), held).await;
    cluster
        .until("pods", async || {
            let pods = cluster.list(&PODS, Some("shop")).await.len();
            if pods == 2 { Ok(()) } else { Err(json!(pods)) }
        })
        .await;
    cluster.delete(&NAMESPACES, None, "shop", "Background").await;
    cluster
        .until("it says what holds it", async || {
            let found = cluster.get(&NAMESPACES, None, "shop").await.expect("is held");
            let conditions = found["status"]["conditions"].to_string();
            if conditions.contains("example.com/hold in 1 resource instances") { Ok(()) } else { Err(found) }
        })
        .await;
    assert!(cluster.list(&PODS, Some("shop")).await.is_empty());
    cluster.patch(&CONFIG_MAPS, Some("shop"), "held", json!({"metadata": {"finalizers": null}})).await;
    cluster
        .until("the namespace is gone", async || match cluster.get(&NAMESPACES, None, "shop").await {
            None => Ok(()),
            Some(there) => Err(there),
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_namespace_has_a_default_account_that_comes_back() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["serviceaccount"], None);
    let accounts = timonier_client::Resource::of("", "v1", "serviceaccounts");
    let there = async |namespace: &str| {
        cluster
            .until("the account", async || cluster.get(&accounts, Some(namespace), "default").await.ok_or(json!(null)))
            .await
    };
    for namespace in ["default", "kube-system"] {
        there(namespace).await;
    }
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    cluster.create(&NAMESPACES, None, body).await;
    let first = there("shop").await;
    cluster.delete(&accounts, Some("shop"), "default", "Background").await;
    cluster
        .until("another one", async || {
            let found = cluster.get(&accounts, Some("shop"), "default").await.unwrap_or_default();
            let another = found["metadata"]["uid"] != first["metadata"]["uid"] && found.is_object();
            if another { Ok(()) } else { Err(found) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_has_a_range_of_its_own_also_after_a_restart() {
    let cluster = Cluster::start().await;
    let controllers = cluster.controllers(&["nodeipam"], None);
    let node = |name: &str| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
    let range = async |name: &str| {
        cluster
            .until("a range", async || {
                let found = cluster.get(&NODES, None, name).await.expect("is there");
                match found["spec"]["podCIDR"].as_str() {
                    Some(range) => Ok(range.to_string()),
                    None => Err(found),
                }
            })
            .await
    };
    for name in ["n1", "n2"] {
        cluster.create(&NODES, None, node(name)).await;
    }
    let mut ranges = vec![range("n1").await, range("n2").await];
    controllers.stop().await;
    let _controllers = cluster.controllers(&["nodeipam"], None);
    cluster.create(&NODES, None, node("n3")).await;
    ranges.push(range("n3").await);
    ranges.sort();
    assert_eq!(ranges, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]);
}
