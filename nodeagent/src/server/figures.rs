//! What the node and its pods use (`/stats/summary`, `/metrics/resource`), and how the agent is set (`/configz`).

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_telemetry::Exposition;

use super::Server;
use crate::{config::Config, runtime::Runtime, stats};

/// What the agent says about itself.
pub struct About {
    node_name: String,
    started: Timestamp,
    configuration: Value,
}

impl About {
    pub fn new(node_name: &str, configuration: Value) -> About {
        About { node_name: node_name.to_owned(), started: Timestamp::now(), configuration }
    }

    pub fn of(config: &Config) -> About {
        let (capacity, timings) = (&config.capacity, &config.timings);
        let reserved = |reserved: &crate::capacity::Reserved| {
            json!({"cpu": reserved.cpu, "memory": reserved.memory,
                   "ephemeral-storage": reserved.ephemeral_storage, "pid": reserved.pid})
        };
        let seconds = |duration: std::time::Duration| format!("{}s", duration.as_secs());
        let configuration = json!({"kubeletconfig": {
            "kind": "KubeletConfiguration",
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "address": config.address.to_string(),
            "port": config.port,
            "maxPods": capacity.max_pods,
            "kubeReserved": reserved(&capacity.kube_reserved),
            "systemReserved": reserved(&capacity.system_reserved),
            "evictionHard": pairs(&capacity.eviction_hard, '<'),
            "evictionSoft": pairs(&capacity.eviction_soft, '<'),
            "evictionSoftGracePeriod": pairs(&capacity.eviction_soft_grace_period, '='),
            "evictionMinimumReclaim": pairs(&capacity.eviction_minimum_reclaim, '='),
            "evictionMaxPodGracePeriod": capacity.eviction_max_pod_grace_period,
            "evictionPressureTransitionPeriod": seconds(capacity.eviction_pressure_transition_period),
            "nodeStatusUpdateFrequency": seconds(timings.node_check),
            "nodeStatusReportFrequency": seconds(timings.node_report),
            "nodeLeaseDurationSeconds": timings.lease_duration.as_secs(),
        }});
        About::new(&config.node_name, configuration)
    }
}

fn pairs(text: &str, sign: char) -> Value {
    let pairs = text.split(',').filter_map(|pair| pair.trim().split_once(sign));
    pairs.map(|(name, amount)| (name.to_owned(), json!(amount))).collect::<serde_json::Map<_, _>>().into()
}

pub async fn summary<R: Runtime>(State(server): State<Server<R>>) -> Response {
    let node = server.stats.node();
    match server.stats.pods(true).await {
        Ok(pods) => json(&stats::summary(&server.about.node_name, server.about.started, &node, &pods)),
        Err(error) => super::logs::failed(error).into_response(),
    }
}

pub async fn metrics<R: Runtime>(State(server): State<Server<R>>) -> Response {
    let node = server.stats.node();
    let pods = server.stats.pods(false).await.ok();
    let text = stats::metrics(&node, pods.as_deref());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// What the agent counts of its own work.
pub async fn own<R: Runtime>(State(server): State<Server<R>>) -> Response {
    let mut text = timonier_telemetry::families();
    let mut now = Exposition::default();
    let name = &*server.about.node_name;
    now.gauge("kubelet_node_name", "The node's name", [(vec![("node", name)], 1)]);
    now.gauge("kubelet_running_pods", "Pods that have a worker", [(vec![], server.directory.all().len())]);
    text.push_str(&now.finish());
    ([(header::CONTENT_TYPE, Exposition::CONTENT_TYPE)], text).into_response()
}

pub async fn configz<R: Runtime>(State(server): State<Server<R>>) -> Response {
    json(&server.about.configuration)
}

fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
