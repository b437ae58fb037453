//! The cluster that puzzles are laid out on, one after the other.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use timonier_apiserver::Identity;
use timonier_scheduling::DECIDED_AT;

use super::puzzles::PROMISED;
use crate::fixture::{Cluster, PATIENCE};

pub struct Table<'a> {
    cluster: &'a Cluster,
    admin: kube::Client,
}

/// Where objects of each kind stand, in the order in which they are cleared away.
const KINDS: &[(&str, &str, &str)] = &[
    ("Deployment", "deployments", "/apis/apps/v1/namespaces/default/deployments"),
    ("ReplicaSet", "replicasets", "/apis/apps/v1/namespaces/default/replicasets"),
    ("Pod", "pods", "/api/v1/namespaces/default/pods"),
    ("PriorityClass", "priorityclasses", "/apis/scheduling.k8s.io/v1/priorityclasses"),
    ("PodDisruptionBudget", "poddisruptionbudgets", "/apis/policy/v1/namespaces/default/poddisruptionbudgets"),
    ("ResourceQuota", "resourcequotas", "/api/v1/namespaces/default/resourcequotas"),
    ("PersistentVolumeClaim", "persistentvolumeclaims", "/api/v1/namespaces/default/persistentvolumeclaims"),
    ("PersistentVolume", "persistentvolumes", "/api/v1/persistentvolumes"),
    ("Node", "nodes", "/api/v1/nodes"),
];

impl<'a> Table<'a> {
    pub fn new(cluster: &'a Cluster) -> Table<'a> {
        Table { cluster, admin: cluster.local(Identity::admin()) }
    }

    pub async fn kctl(&self, line: &str) -> String {
        self.cluster.kctl(line).await.ok()
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> Value {
        let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
        let request = request.body(body).expect("a request");
        let what = format!("{} {}", request.method(), request.uri());
        self.admin.request(request).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    pub async fn create(&self, object: &Value) {
        let kind = object["kind"].as_str().expect("a kind");
        let (_, _, path) = KINDS.iter().find(|(known, _, _)| *known == kind).expect("a known kind");
        let post = http::Request::post(*path).header("content-type", "application/json");
        self.send(post, object).await;
        if kind == "Node" {
            let name = object["metadata"]["name"].as_str().expect("a name");
            self.merge(&format!("{path}/{name}/status"), json!({"status": object["status"]})).await;
        }
    }

    pub async fn merge(&self, path: &str, patch: Value) {
        let request = http::Request::patch(path).header("content-type", "application/merge-patch+json");
        self.send(request, &patch).await;
    }

    pub async fn delete(&self, plural: &str, name: &str) {
        let (_, _, path) = KINDS.iter().find(|(_, known, _)| *known == plural).expect("a known kind");
        self.send(http::Request::delete(format!("{path}/{name}?gracePeriodSeconds=0")), &Value::Null).await;
    }

    pub async fn lay(&self, objects: &[Value]) {
        for object in objects {
            self.create(object).await;
            if object["metadata"]["name"] == PROMISED {
                let promised = |pod: &Value| pod["status"]["nominatedNodeName"].is_string();
                let asked = format!("pod/{PROMISED}");
                self.until("a node is promised", async || self.pods(&asked).await.iter().all(promised)).await;
            }
        }
    }

    /// Until these pods, and no others, have been told to end; then they do, as no agent is here to see to it.
    pub async fn end(&self, victims: &[String]) {
        let full_name = |pod: &Value| format!("default/{}", pod["metadata"]["name"].as_str().unwrap_or_default());
        self.until(&format!("{victims:?} give way"), async || {
            let mut pods = self.list("/api/v1/namespaces/default/pods").await;
            pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_string());
            pods.iter().map(full_name).collect::<Vec<_>>() == victims
        })
        .await;
        for victim in victims {
            self.delete("pods", victim.strip_prefix("default/").expect("in this namespace")).await;
        }
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let list = self.send(http::Request::get(path), &Value::Null).await;
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Takes everything away.
    pub async fn clear(&self) {
        for (_, _, path) in KINDS {
            let start = Instant::now();
            loop {
                let mut left = self.list(path).await;
                left.retain(|object| !name(object).starts_with("system-"));
                if left.is_empty() {
                    break;
                }
                assert!(start.elapsed() < PATIENCE, "{path} is not empty: {left:#?}");
                for object in &left {
                    if !object["metadata"]["finalizers"].is_null() {
                        let path = format!("{path}/{}", name(object));
                        self.merge(&path, json!({"metadata": {"finalizers": null}})).await;
                    }
                }
                let ours = "gracePeriodSeconds=0&fieldSelector=metadata.name!=system-cluster-critical,metadata.name!=system-node-critical";
                self.send(http::Request::delete(format!("{path}?{ours}")), &Value::Null).await;
            }
        }
    }

    /// Pods that are asked about: `pod/p`, or all that something makes.
    async fn pods(&self, asked: &str) -> Vec<Value> {
        let mut pods = self.list("/api/v1/namespaces/default/pods").await;
        let (kind, name) = asked.split_once('/').expect("TYPE/NAME");
        pods.retain(|pod| {
            let own = pod["metadata"]["name"].as_str().unwrap_or_default();
            if kind == "pod" { own == name } else { own.starts_with(&format!("{name}-")) }
        });
        pods
    }

    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let start = Instant::now();
        while !done().await {
            if start.elapsed() > PATIENCE {
                let pods = self.list("/api/v1/namespaces/default/pods").await;
                panic!("{what} does not come true: {pods:#?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Until the scheduler has said of a pod that it fits nowhere, or a pod is not even made.
    pub async fn until_refused(&self, asked: &str) {
        self.until(&format!("{asked} is refused"), async || {
            let sets = self.list("/apis/apps/v1/namespaces/default/replicasets").await;
            let conditions = |object: &Value| object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let failing = sets.iter().flat_map(conditions).any(|condition| condition["type"] == "ReplicaFailure");
            let pods = self.pods(asked).await;
            let refused = pods.iter().any(|pod| {
                let gated = conditions(pod).iter().any(|condition| condition["reason"] == "SchedulingGated");
                let foreign = pod["spec"]["schedulerName"] == "volcano";
                gated
                    || foreign
                    || (pod["metadata"]["annotations"][DECIDED_AT].is_string() && pod["spec"]["nodeName"].is_null())
            });
            failing || refused
        })
        .await;
    }

    /// Until all pods have their node, and there are as many as are wanted.
    pub async fn until_placed(&self, asked: &str, after: &str) {
        self.until(&format!("{asked} is placed after {after:?}"), async || {
            let sets = self.list("/apis/apps/v1/namespaces/default/replicasets").await;
            let made = sets.iter().all(|set| set["spec"]["replicas"] == set["status"]["replicas"]);
            let pods = self.pods(asked).await;
            made && !pods.is_empty() && pods.iter().all(|pod| pod["spec"]["nodeName"].is_string())
        })
        .await;
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

/// Pods and ReplicaSets of a Deployment `web` with their names as `web-…`.
pub fn without_random_names(said: &str) -> String {
    let mut words = Vec::new();
    for word in said.split_inclusive([' ', '\n', '"']) {
        match word.find("web-") {
            Some(at) => {
                let end =
                    word[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-').map_or(word.len(), |e| at + e);
                words.push(format!("{}web-…{}", &word[..at], &word[end..]));
            }
            None => words.push(word.to_string()),
        }
    }
    words.concat()
}
