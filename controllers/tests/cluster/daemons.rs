use serde_json::{Value, json};

use crate::harness::*;

const DEFAULT: Option<&str> = Some("default");

fn daemon_set(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "one"}]}}},
    })
}

async fn add_node(cluster: &Cluster, name: &str) {
    let allocatable = json!({"cpu": "8", "memory": "8Gi", "pods": "110"});
    let ready = json!({"type": "Ready", "status": "True"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kind": "plain"}},
        "status": {"capacity": allocatable, "allocatable": allocatable, "conditions": [ready]}});
    cluster.create(&NODES, None, node).await;
}

/// Waits until as many nodes as wanted have a pod of the present template that serves.
async fn rolled_out(cluster: &Cluster, name: &str, nodes: i64) -> Value {
    cluster
        .until("rolled out", async || {
            let found = cluster.get(&DAEMON_SETS, DEFAULT, name).await.expect("is there");
            let status = &found["status"];
            let counts = ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled"];
            let done = status["observedGeneration"] == found["metadata"]["generation"]
                && counts.iter().all(|count| status[count].as_i64().unwrap_or(0) == nodes)
                && status["numberAvailable"].as_i64().unwrap_or(0) == nodes;
            let pods = pods(cluster).await.len() as i64;
            if done && pods == nodes { Ok(found) } else { Err(found) }
        })
        .await
}

/// Node and image of each pod.
async fn pods(cluster: &Cluster) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pods = cluster.list(&PODS, DEFAULT).await.into_iter();
    let mut found: Vec<_> =
        pods.map(|pod| (text(&pod["spec"]["nodeName"]), text(&pod["spec"]["containers"][0]["image"]))).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_is_on_every_node_that_fits_and_rolls_and_is_undone() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["daemonset", "scheduler", "garbage-collector"], None);
    let _kubelet = Kubelet::start(&cluster);
    for name in ["a", "b", "c"] {
        add_node(&cluster, name).await;
    }
    cluster.create(&DAEMON_SETS, DEFAULT, daemon_set("agent")).await;
    rolled_out(&cluster, "agent", 3).await;
    let on = async |images: &str| {
        let found = pods(&cluster).await;
        let nodes: Vec<_> = found.iter().map(|(node, _)| node.as_str()).collect();
        assert!(nodes.windows(2).all(|pair| pair[0] < pair[1]), "one a node: {found:?}");
        assert!(found.iter().all(|(_, image)| image == images), "{found:?}");
        nodes.join("")
    };
    assert_eq!(on("one").await, "abc");

    // A node that joins gets one, cordoned or not; one that has another taint does not.
    add_node(&cluster, "d").await;
    cluster.patch(&NODES, None, "d", json!({"spec": {"unschedulable": true}})).await;
    rolled_out(&cluster, "agent", 4).await;
    cluster.patch(&NODES, None, "c", json!({"spec": {"taints": [{"key": "own", "effect": "NoExecute"}]}})).await;
    rolled_out(&cluster, "agent", 3).await;
    assert_eq!(on("one").await, "abd");

    let first = cluster.list(&REVISIONS, DEFAULT).await.remove(0);
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    cluster.patch(&DAEMON_SETS, DEFAULT, "agent", image("two")).await;
    rolled_out(&cluster, "agent", 3).await;
    assert_eq!(on("two").await, "abd");
    let rolling = json!({"maxSurge": 1, "maxUnavailable": 0});
    let surge = json!({"spec": {"updateStrategy": {"rollingUpdate": rolling}, "minReadySeconds": 1}});
    cluster.patch(&DAEMON_SETS, DEFAULT, "agent", surge).await;
    cluster.strategic_patch(&DAEMON_SETS, DEFAULT, "agent", first["data"].clone()).await;
    rolled_out(&cluster, "agent", 3).await;
    assert_eq!(on("one").await, "abd");
    let revisions = cluster.list(&REVISIONS, DEFAULT).await;
    let numbers: Vec<_> = revisions.iter().filter_map(|found| found["revision"].as_i64()).collect();
    assert_eq!((numbers.len(), numbers.iter().max()), (2, Some(&3)), "the first is the third now");

    cluster
        .patch(
            &DAEMON_SETS,
            DEFAULT,
            "agent",
            json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}),
        )
        .await;
    cluster.patch(&DAEMON_SETS, DEFAULT, "agent", image("four")).await;
    let of_a = async || {
        let pods = cluster.list(&PODS, DEFAULT).await;
        pods.into_iter().find(|pod| pod["spec"]["nodeName"] == "a").map(|pod| pod["metadata"]["name"].clone())
    };
    let name = of_a().await.expect("is there");
    cluster.delete(&PODS, DEFAULT, name.as_str().expect("a name"), "Background").await;
    cluster
        .until("only the deleted one is new", async || {
            let found = pods(&cluster).await;
            let images: Vec<_> = found.iter().map(|(_, image)| image.as_str()).collect();
            if images == ["four", "one", "one"] { Ok(()) } else { Err(json!(found)) }
        })
        .await;

    let selected = json!({"spec": {"template": {"spec": {"nodeSelector": {"kind": "other"}}}}});
    cluster.patch(&DAEMON_SETS, DEFAULT, "agent", selected).await;
    cluster.until_none(&PODS, "default").await;
    cluster.delete(&DAEMON_SETS, DEFAULT, "agent", "Background").await;
    cluster.until_none(&REVISIONS, "default").await;
}
