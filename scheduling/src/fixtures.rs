//! Objects for tests, written as their JSON.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Cluster, Node, Pod};

/// A pod with a spec; its uid is its name.
pub fn pod(name: &str, spec: Value) -> Pod {
    owned_pod(name, None, spec)
}

pub fn owned_pod(name: &str, controller: Option<&str>, mut spec: Value) -> Pod {
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "c"}]);
    }
    let owners = controller.map_or(
        json!([]),
        |uid| json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": uid, "uid": uid, "controller": true}]),
    );
    let object = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "ownerReferences": owners},
        "spec": spec,
    });
    Pod::parse(&serde_json::from_value(object).expect("a pod")).expect("quantities")
}

/// A pod of one container with requests.
pub fn requesting(name: &str, requests: Value) -> Pod {
    pod(name, json!({"containers": [{"name": "c", "resources": {"requests": requests}}]}))
}

/// A node of 4 CPUs, 8Gi and 110 pods, with `over` merged into it.
pub fn node(name: &str, over: Value) -> Node {
    let mut object = json!({
        "metadata": {"name": name, "labels": {}},
        "spec": {},
        "status": {"allocatable": {
            "cpu": "4", "memory": "8Gi", "ephemeral-storage": "100Gi", "pods": "110",
        }},
    });
    merge(&mut object, over);
    Node::parse(&serde_json::from_value(object).expect("a node")).expect("quantities")
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

pub fn cluster(nodes: impl IntoIterator<Item = Node>) -> Cluster {
    let mut cluster = Cluster::new();
    for node in nodes {
        cluster.set_node(node);
    }
    cluster
}

pub fn place(cluster: &mut Cluster, pod: Pod, node: &str) {
    cluster.set_pod(Arc::new(pod), &Arc::from(node));
}

/// A pod with labels.
pub fn labelled(name: &str, labels: Value, mut spec: Value) -> Pod {
    spec["containers"] = json!([{"name": "c"}]);
    let object =
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "labels": labels}, "spec": spec});
    Pod::parse(&serde_json::from_value(object).expect("a pod")).expect("quantities")
}
