//! How `kubectl get pods` shows a pod.

use std::cmp::max;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::duration;

use super::fields;
use crate::kinds::{Column, json, metadata};

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Ready"),
    Column::text("Status"),
    Column::text("Restarts"),
    Column::AGE,
    Column::wide("IP"),
    Column::wide("Node"),
    Column::wide("Nominated Node"),
    Column::wide("Readiness Gates"),
];

pub fn cells(o: &Value, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(o);
    let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
    let or_none = |text: &str| Value::from(if text.is_empty() { "<none>" } else { text });
    vec![
        metadata::name(o).into(),
        format!("{}/{}", summary.ready, summary.containers).into(),
        summary.word.clone().into(),
        summary.restarts(now).into(),
        metadata::age(o, now).into(),
        or_none(fields::pod_ip(status)),
        or_none(json::text(spec, "nodeName")),
        or_none(json::text(status, "nominatedNodeName")),
        readiness_gates(spec, status).into(),
    ]
}

/// The one word (or two) that tells how a pod fares: `Running`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`.
pub fn status_word(o: &Value) -> String {
    Summary::of(o).word
}

/// Met and all readiness gates, as in `0/1`.
fn readiness_gates(spec: &Value, status: &Value) -> String {
    let gates = json::list(spec, "readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let met = gates.iter().filter(|gate| condition(status, json::text(gate, "conditionType")).is_some_and(is_true));
    format!("{}/{}", met.count(), gates.len())
}

fn condition<'a>(status: &'a Value, type_: &str) -> Option<&'a Value> {
    let mut conditions = json::list(status, "conditions").iter();
    conditions.find(|c| json::text(c, "type") == type_)
}

fn is_true(condition: &Value) -> bool {
    json::text(condition, "status") == "True"
}

/// What a pod's containers come to, taken together.
struct Summary {
    ready: usize,
    containers: usize,
    word: String,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl Summary {
    fn of(o: &Value) -> Summary {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let sidecars = json::list(spec, "initContainers").iter().filter(|c| is_sidecar(c)).count();
        let mut summary = Summary {
            ready: 0,
            containers: json::list(spec, "containers").len() + sidecars,
            word: phase_word(status),
            restarts: 0,
            last_restart: None,
        };
        let (initializing, sidecars) = summary.add_init_containers(spec, status);
        if !initializing || condition(status, "Initialized").is_some_and(is_true) {
            (summary.restarts, summary.last_restart) = sidecars;
            summary.add_containers(status);
        }
        summary.note_deletion(o, status);
        summary
    }

    fn count_restarts(&mut self, container: &Value) {
        self.restarts += json::int(container, "restartCount").unwrap_or(0);
        self.last_restart = max(self.last_restart, last_end(container));
    }

    /// Whether the pod is still being initialized, and the restarts of its sidecars alone.
    fn add_init_containers(&mut self, spec: &Value, status: &Value) -> (bool, (i64, Option<Timestamp>)) {
        let init_containers = json::list(spec, "initContainers");
        let (mut restarts, mut last_restart) = (0, None);
        for (i, container) in json::list(status, "initContainerStatuses").iter().enumerate() {
            self.count_restarts(container);
            let name = json::text(container, "name");
            let mut same = init_containers.iter().filter(|c| json::text(c, "name") == name);
            let sidecar = same.any(is_sidecar);
            if sidecar {
                restarts += json::int(container, "restartCount").unwrap_or(0);
                last_restart = max(last_restart, last_end(container));
            }
            let state = json::get(container, "state");
            let (terminated, waiting) = (json::get(state, "terminated"), json::get(state, "waiting"));
            let reason = json::text(waiting, "reason");
            if terminated.is_object() && json::int(terminated, "exitCode").unwrap_or(0) == 0 {
                continue;
            }
            if sidecar && json::flag(container, "started") {
                self.ready += usize::from(json::flag(container, "ready"));
                continue;
            }
            self.word = if terminated.is_object() {
                format!("Init:{}", end_word(terminated))
            } else if !reason.is_empty() && reason != "PodInitializing" {
                format!("Init:{reason}")
            } else {
                format!("Init:{i}/{}", init_containers.len())
            };
            return (true, (restarts, last_restart));
        }
        (false, (restarts, last_restart))
    }

    fn add_containers(&mut self, status: &Value) {
        let mut running = false;
        for container in json::list(status, "containerStatuses").iter().rev() {
            self.count_restarts(container);
            let state = json::get(container, "state");
            let terminated = json::get(state, "terminated");
            let waiting = json::text(json::get(state, "waiting"), "reason");
            if !waiting.is_empty() {
                self.word = waiting.to_owned();
            } else if terminated.is_object() {
                self.word = end_word(terminated);
            } else if json::flag(container, "ready") && json::has(state, "running") {
                running = true;
                self.ready += 1;
            }
        }
        if self.word == "Completed" && running {
            let ready = condition(status, "Ready").is_some_and(is_true);
            self.word = if ready { "Running" } else { "NotReady" }.to_owned();
        }
    }

    fn note_deletion(&mut self, o: &Value, status: &Value) {
        if !json::has(json::get(o, "metadata"), "deletionTimestamp") {
            return;
        }
        if json::text(status, "reason") == "NodeLost" {
            self.word = "Unknown".to_owned();
        } else if !matches!(json::text(status, "phase"), "Succeeded" | "Failed") {
            self.word = "Terminating".to_owned();
        }
    }

    /// `2 (5m ago)`.
    fn restarts(&self, now: Timestamp) -> String {
        match self.last_restart {
            Some(at) if self.restarts != 0 => {
                let ago = duration::human(now.as_second() - at.as_second());
                format!("{} ({ago} ago)", self.restarts)
            }
            _ => self.restarts.to_string(),
        }
    }
}

fn phase_word(status: &Value) -> String {
    let gated = condition(status, "PodScheduled").is_some_and(|c| json::text(c, "reason") == "SchedulingGated");
    if gated {
        return "SchedulingGated".to_owned();
    }
    match json::text(status, "reason") {
        "" => json::text(status, "phase").to_owned(),
        reason => reason.to_owned(),
    }
}

fn is_sidecar(container: &Value) -> bool {
    json::text(container, "restartPolicy") == "Always"
}

/// When the container's last run ended.
fn last_end(container: &Value) -> Option<Timestamp> {
    let last = json::at(container, &["lastState", "terminated"]);
    json::text(last, "finishedAt").parse().ok()
}

/// How a run ended, in the runtime's words or by its number.
fn end_word(terminated: &Value) -> String {
    let reason = json::text(terminated, "reason");
    let signal = json::int(terminated, "signal").unwrap_or(0);
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", json::int(terminated, "exitCode").unwrap_or(0))
    }
}
