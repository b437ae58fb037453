//! The API server as its clients see it: real requests over TLS against a server of each test's own.

mod access;
mod applying;
mod backups;
mod connecting;
mod creating;
mod custom;
mod deleting;
mod discovery;
mod every_kind;
mod evicting;
mod explaining;
mod fixture;
mod fuzzing;
mod kube_client;
mod limits;
mod listing;
mod logs;
mod metrics;
mod owning;
mod past;
mod policies;
mod protobuf;
mod protocols;
mod proxying;
mod quotas;
mod reaching;
mod reviews;
mod roles;
mod subresources;
mod tables;
mod tokens;
mod updating;
mod viewing;
mod watching;

use serde_json::{Value, json};

/// Where config maps of the default namespace live.
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "busybox"}]}})
}

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "busybox", "ports": [{"containerPort": 80}]}]}}}})
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
}
