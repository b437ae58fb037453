//! Nodes whose agents fall silent, and the pods on them. Heartbeats are what [`Hearts`] writes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::{Value, json};
use timonier_controllers::NodeFlags;
use tokio::task::JoinHandle;

use crate::harness::*;

const NAMES: [&str; 3] = ["a", "b", "c"];
const CONTROLLERS: [&str; 3] = ["node-lifecycle", "taint-eviction", "pod-garbage-collector"];

fn hasty() -> NodeFlags {
    NodeFlags {
        node_monitor_grace_period: Duration::from_millis(1500),
        node_monitor_period: Duration::from_millis(50),
        node_eviction_rate: 100.0,
        ..NodeFlags::default()
    }
}

/// Three nodes that are ready, and whose Leases are renewed as long as they are not silent.
struct Hearts {
    silent: Arc<Mutex<BTreeSet<&'static str>>>,
    task: JoinHandle<()>,
}

impl Drop for Hearts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hearts {
    async fn start(cluster: &Cluster) -> Hearts {
        for name in NAMES {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
                "status": {"conditions": [ready("True")]}});
            cluster.create(&NODES, None, node).await;
            let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": {}});
            cluster.create(&LEASES, Some("kube-node-lease"), lease).await;
        }
        let silent: Arc<Mutex<BTreeSet<&'static str>>> = Arc::default();
        let (quiet, client) = (silent.clone(), cluster.admin.clone());
        let task = tokio::spawn(async move {
            for beat in 0.. {
                let patch = json!({"spec": {"leaseTransitions": beat}}).to_string();
                let beating: Vec<_> = NAMES.into_iter().filter(|name| !quiet.lock().contains(name)).collect();
                for name in beating {
                    let path = format!("{}/{name}", LEASES.path(Some("kube-node-lease")));
                    let request = http::Request::patch(path).header("content-type", "application/merge-patch+json");
                    let request = request.body(patch.clone().into_bytes()).expect("a request");
                    let _renewed: Value = client.request(request).await.expect("renewed");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Hearts { silent, task }
    }

    fn silence(&self, names: &[&'static str]) {
        *self.silent.lock() = names.iter().copied().collect();
    }
}

fn ready(status: &str) -> Value {
    json!({"type": "Ready", "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn pod(name: &str, node: &str, tolerations: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": node, "tolerations": tolerations, "containers": [{"name": "web", "image": "web"}]},
    })
}

async fn says_ready(cluster: &Cluster, path: String) {
    let patch = json!({"status": {"conditions": [ready("True")]}}).to_string().into_bytes();
    let request = http::Request::patch(format!("{path}/status"));
    let request = request.header("content-type", "application/strategic-merge-patch+json");
    let _said: Value = cluster.admin.request(request.body(patch).expect("a request")).await.expect("said");
}

/// The node's taints as `key:effect`, without what all keys begin with.
fn taints(node: &Value) -> Vec<String> {
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().trim_start_matches("node.kubernetes.io/").to_string();
    taints.iter().map(|taint| format!("{}:{}", text(&taint["key"]), text(&taint["effect"]))).collect()
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().expect("conditions");
    conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

async fn until_tainted(cluster: &Cluster, name: &str, expect: &[&str]) -> Value {
    cluster
        .until(&format!("node {name} has the taints {expect:?}"), async || {
            let node = cluster.get(&NODES, None, name).await.expect("a node");
            let mut found = taints(&node);
            found.sort();
            if found == expect { Ok(node) } else { Err(node) }
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_loses_the_pods_that_do_not_tolerate_it_and_is_clean_again_when_it_is_back() {
    let cluster = Cluster::start().await;
    let hearts = Hearts::start(&cluster).await;
    for (name, seconds) in [("short", 1), ("long", 300)] {
        let tolerated = json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": seconds}]);
        cluster.create(&PODS, Some("default"), pod(name, "a", tolerated)).await;
        says_ready(&cluster, format!("{}/{name}", PODS.path(Some("default")))).await;
    }
    cluster.create(&PODS, Some("default"), pod("elsewhere", "b", json!([]))).await;
    let _controllers = cluster.patient_controllers(&CONTROLLERS, None, hasty());
    hearts.silence(&["a"]);
    let node = until_tainted(&cluster, "a", &["unreachable:NoExecute", "unreachable:NoSchedule"]).await;
    for kind in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
        assert_eq!(condition(&node, kind)["status"], "Unknown", "{kind}");
    }
    assert_eq!(condition(&node, "Ready")["reason"], "NodeStatusUnknown");
    assert_eq!(condition(&node, "Ready")["message"], "Kubelet stopped posting node status.");

    let leaving = cluster
        .until("the hasty pod leaves", async || {
            let pod = cluster.get(&PODS, Some("default"), "short").await.expect("its node has not confirmed its end");
            if pod["metadata"]["deletionTimestamp"].is_null() { Err(pod) } else { Ok(pod) }
        })
        .await;
    assert_eq!(condition(&leaving, "DisruptionTarget")["reason"], "DeletionByTaintManager");
    assert_eq!(cluster.events("short").await["TaintManagerEviction"], ["Marking for deletion Pod default/short"]);
    let long = cluster
        .until("the patient pod is not ready", async || {
            let pod = cluster.get(&PODS, Some("default"), "long").await.expect("is there");
            if condition(&pod, "Ready")["status"] == "False" { Ok(pod) } else { Err(pod) }
        })
        .await;
    assert!(long["metadata"]["deletionTimestamp"].is_null());

    hearts.silence(&[]);
    says_ready(&cluster, format!("{}/a", NODES.path(None))).await;
    until_tainted(&cluster, "a", &[]).await;
    cluster
        .until("the patient pod's end is called off", async || {
            let events = cluster.events("long").await;
            let called_off = "Cancelling deletion of Pod default/long".to_string();
            let found = events.get("TaintManagerEviction").is_some_and(|said| said.contains(&called_off));
            if found { Ok(()) } else { Err(json!(events)) }
        })
        .await;
    for name in ["long", "elsewhere"] {
        let pod = cluster.get(&PODS, Some("default"), name).await.expect("is there");
        assert!(pod["metadata"]["deletionTimestamp"].is_null(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_nodes_fall_silent_nobody_has_to_leave() {
    let cluster = Cluster::start().await;
    let hearts = Hearts::start(&cluster).await;
    for name in NAMES {
        cluster.create(&PODS, Some("default"), pod(name, name, json!([]))).await;
    }
    let _controllers = cluster.patient_controllers(&CONTROLLERS, None, hasty());
    // They have been heard, and somebody's own taint is acted upon.
    until_tainted(&cluster, "a", &[]).await;
    hearts.silence(&NAMES);
    for name in NAMES {
        until_tainted(&cluster, name, &["unreachable:NoSchedule"]).await;
    }
    hearts.silence(&["a", "b"]);
    says_ready(&cluster, format!("{}/c", NODES.path(None))).await;
    until_tainted(&cluster, "c", &[]).await;
    for name in ["a", "b"] {
        says_ready(&cluster, format!("{}/{name}", NODES.path(None))).await;
    }
    hearts.silence(&[]);
    for name in NAMES {
        until_tainted(&cluster, name, &[]).await;
        let pod = cluster.get(&PODS, Some("default"), name).await.expect("nobody deleted it");
        assert!(pod["metadata"]["deletionTimestamp"].is_null(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_cordons_become_taints_and_taints_of_others_stay() {
    let cluster = Cluster::start().await;
    let _hearts = Hearts::start(&cluster).await;
    let _controllers = cluster.patient_controllers(&CONTROLLERS, None, hasty());
    let own = json!([{"key": "own", "value": "x", "effect": "NoSchedule"}]);
    cluster.patch(&NODES, None, "a", json!({"spec": {"taints": own, "unschedulable": true}})).await;
    until_tainted(&cluster, "a", &["own:NoSchedule", "unschedulable:NoSchedule"]).await;
    cluster.patch(&NODES, None, "a", json!({"spec": {"unschedulable": null}})).await;
    until_tainted(&cluster, "a", &["own:NoSchedule"]).await;
    // A pod that does not tolerate somebody's own NoExecute leaves at once.
    cluster.create(&PODS, Some("default"), pod("guest", "b", json!([]))).await;
    let out = json!([{"key": "out", "effect": "NoExecute"}]);
    cluster.patch(&NODES, None, "b", json!({"spec": {"taints": out}})).await;
    cluster
        .until("the guest leaves", async || {
            let pod = cluster.get(&PODS, Some("default"), "guest").await;
            let leaves = pod.as_ref().is_none_or(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
            if leaves { Ok(()) } else { Err(json!(pod)) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_end_on_a_node_out_of_service_are_removed() {
    let cluster = Cluster::start().await;
    let hearts = Hearts::start(&cluster).await;
    let tolerant = json!([{"operator": "Exists"}]);
    cluster.create(&PODS, Some("default"), pod("stuck", "a", tolerant)).await;
    hearts.silence(&["a"]);
    let taint = json!([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]);
    cluster.patch(&NODES, None, "a", json!({"spec": {"taints": taint}})).await;
    cluster.delete(&PODS, Some("default"), "stuck", "Background").await;
    let first = cluster.patient_controllers(&["node-lifecycle"], None, hasty());
    let expect = ["out-of-service:NoExecute", "unreachable:NoExecute", "unreachable:NoSchedule"];
    until_tainted(&cluster, "a", &expect).await;
    first.stop().await;
    let _collector = cluster.patient_controllers(&["pod-garbage-collector"], None, hasty());
    cluster.until_none(&PODS, "default").await;
}
