//! Startup, readiness and liveness probes: one task for each probe of each running container.
//!
//! Tasks only ask and count; what an outcome means is the worker's business.

mod exec;
mod grpc;
pub mod http;
pub mod port;
mod tcp;
mod tls;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Container, Pod, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{
    desired::{
        self,
        roster::{self, Sort},
    },
    hooks,
    memory::{Memory, PostStart},
    observed::{ObservedPod, State},
    runtime::Runtime,
};
use port::port_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Startup,
    Readiness,
    Liveness,
}

impl Kind {
    pub fn title(self) -> &'static str {
        match self {
            Kind::Startup => "Startup",
            Kind::Readiness => "Readiness",
            Kind::Liveness => "Liveness",
        }
    }
}

/// News from one probe of one instance.
#[derive(Debug)]
pub struct Outcome {
    pub container: String,
    /// The runtime's id of the instance.
    pub id: String,
    pub kind: Kind,
    /// Set when a threshold was crossed.
    pub verdict: Option<bool>,
    pub trouble: Option<Trouble>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Failed(String),
    /// It could not be asked: this counts neither way.
    Unknown(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Failed(message) => write!(formatter, "failed: {message}"),
            Trouble::Unknown(message) => write!(formatter, "errored and resulted in unknown state: {message}"),
        }
    }
}

/// The probes of one pod that are under way.
pub struct Probers {
    tell: mpsc::UnboundedSender<Outcome>,
    running: BTreeMap<(String, Kind), (String, AbortHandle)>,
}

impl Drop for Probers {
    fn drop(&mut self) {
        self.running.values().for_each(|(_, task)| task.abort());
    }
}

impl Probers {
    pub fn new(tell: mpsc::UnboundedSender<Outcome>) -> Self {
        Probers { tell, running: BTreeMap::new() }
    }

    /// Starts and ends probes so that each running container has those that are due.
    pub fn sync<R: Runtime>(&mut self, runtime: &Arc<R>, pod: &Pod, observed: &ObservedPod, memory: &Memory) {
        let mut due = BTreeMap::new();
        let address = desired::address(pod, observed, runtime.host_address());
        let members: Vec<_> =
            roster::init(pod).filter(|member| member.sort == Sort::Sidecar).chain(roster::main(pod)).collect();
        for wanted in &members {
            let Some(newest) = observed.container(&wanted.name) else { continue };
            let State::Running { started } = newest.state else { continue };
            let Some(instance) = memory.containers.get(&wanted.name).map(|memory| &memory.instance) else { continue };
            // Until its hook is done it counts as not there.
            let hooked = hooks::hook(wanted, hooks::Kind::PostStart).is_some();
            if memory.stopping.contains_key(&newest.id) || (hooked && instance.post_start != PostStart::Done) {
                continue;
            }
            for (kind, probe) in due_of(wanted, instance.started) {
                if let Some(target) = target(probe, wanted, address) {
                    due.insert((wanted.name.clone(), kind), (newest.id.clone(), started, probe, target));
                }
            }
        }
        self.running.retain(|key, (id, task)| {
            let keep = due.get(key).is_some_and(|(due, ..)| due == id);
            if !keep {
                task.abort();
            }
            keep
        });
        for ((container, kind), (id, started, probe, target)) in due {
            let key = (container.clone(), kind);
            if self.running.contains_key(&key) {
                continue;
            }
            let delay = Duration::from_secs(seconds(probe.initial_delay_seconds, 0));
            let age = Duration::try_from(jiff::Timestamp::now().duration_since(started)).unwrap_or_default();
            let prober = Prober {
                runtime: runtime.clone(),
                subject: (container, id.clone(), kind),
                target,
                delay: delay.saturating_sub(age),
                period: Duration::from_secs(seconds(probe.period_seconds, 10).max(1)),
                timeout: Duration::from_secs(seconds(probe.timeout_seconds, 1).max(1)),
                thresholds: (
                    seconds(probe.success_threshold, 1).max(1) as u32,
                    seconds(probe.failure_threshold, 3).max(1) as u32,
                ),
                tell: self.tell.clone(),
            };
            self.running.insert(key, (id, tokio::spawn(prober.run()).abort_handle()));
        }
    }
}

/// Until it has started, only its startup probe counts.
fn due_of(wanted: &Container, started: bool) -> Vec<(Kind, &Probe)> {
    match &wanted.startup_probe {
        Some(startup) if !started => vec![(Kind::Startup, startup)],
        _ => {
            let readiness = wanted.readiness_probe.as_ref().map(|probe| (Kind::Readiness, probe));
            readiness.into_iter().chain(wanted.liveness_probe.as_ref().map(|probe| (Kind::Liveness, probe))).collect()
        }
    }
}

fn seconds(field: Option<i32>, default: u64) -> u64 {
    field.and_then(|value| u64::try_from(value).ok()).unwrap_or(default)
}

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Exec { command: Vec<String> },
    Grpc { host: String, port: u16, service: String },
    Http { host: String, port: u16, path: String, https: bool, headers: Vec<(String, String)> },
    Tcp { host: String, port: u16 },
}

/// `None`: the pod has no address yet, or no port of that name.
fn target(probe: &Probe, wanted: &Container, address: Option<IpAddr>) -> Option<Target> {
    let host = |asked: &Option<String>| {
        asked.clone().filter(|host| !host.is_empty()).or_else(|| address.map(|address| address.to_string()))
    };
    if let Some(exec) = &probe.exec {
        return Some(Target::Exec { command: exec.command.clone().unwrap_or_default() });
    }
    if let Some(grpc) = &probe.grpc {
        let (host, port) = (address?.to_string(), port_of(&IntOrString::Int(grpc.port), wanted)?);
        return Some(Target::Grpc { host, port, service: grpc.service.clone().unwrap_or_default() });
    }
    if let Some(get) = &probe.http_get {
        let headers = get.http_headers.iter().flatten();
        return Some(Target::Http {
            host: host(&get.host)?,
            port: port_of(&get.port, wanted)?,
            path: get.path.clone().unwrap_or_else(|| "/".to_owned()),
            https: get.scheme.as_deref() == Some("HTTPS"),
            headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
        });
    }
    let socket = probe.tcp_socket.as_ref()?;
    Some(Target::Tcp { host: host(&socket.host)?, port: port_of(&socket.port, wanted)? })
}

struct Prober<R> {
    runtime: Arc<R>,
    subject: (String, String, Kind),
    target: Target,
    delay: Duration,
    period: Duration,
    timeout: Duration,
    /// Successes and failures in a row that make a verdict.
    thresholds: (u32, u32),
    tell: mpsc::UnboundedSender<Outcome>,
}

impl<R: Runtime> Prober<R> {
    async fn run(self) {
        tokio::time::sleep(self.delay).await;
        let mut turns = interval(self.period);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = Count::default();
        loop {
            turns.tick().await;
            let trouble = self.ask().await.err();
            let verdict = match &trouble {
                Some(Trouble::Unknown(_)) => None,
                known => count.add(known.is_none(), self.thresholds),
            };
            if verdict.is_none() && trouble.is_none() {
                continue;
            }
            let (container, id, kind) = self.subject.clone();
            if self.tell.send(Outcome { container, id, kind, verdict, trouble }).is_err() {
                return;
            }
        }
    }

    async fn ask(&self) -> Result<(), Trouble> {
        let limit = self.timeout;
        let answer = match &self.target {
            Target::Exec { command } => return exec::run(&*self.runtime, &self.subject.1, command, limit).await,
            Target::Grpc { host, port, service } => grpc::check(host, *port, service, limit).await,
            Target::Http { host, port, path, https, headers } => {
                http::get(&http::Question { host, port: *port, path, https: *https, headers }, limit).await
            }
            Target::Tcp { host, port } => tcp::connect(host, *port, limit).await,
        };
        answer.map_err(Trouble::Failed)
    }
}

/// How often in a row the same came, and what was said of it last.
#[derive(Default)]
struct Count {
    row: u32,
    last: Option<bool>,
    said: Option<bool>,
}

impl Count {
    /// A verdict, when this answer is the one that crosses a threshold.
    fn add(&mut self, success: bool, (successes, failures): (u32, u32)) -> Option<bool> {
        self.row = if self.last == Some(success) { self.row.saturating_add(1) } else { 1 };
        self.last = Some(success);
        let enough = self.row >= if success { successes } else { failures };
        (enough && self.said != Some(success)).then(|| {
            self.said = Some(success);
            success
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_verdict_needs_its_threshold_in_a_row_and_is_said_once() {
        let mut count = Count::default();
        let answers = [true, true, false, false, true, false, false, false, false, true, true];
        let verdicts: Vec<_> = answers.into_iter().map(|answer| count.add(answer, (2, 3))).collect();
        let (none, yes, no) = (None, Some(true), Some(false));
        assert_eq!(verdicts, [none, yes, none, none, none, none, none, no, none, none, yes]);
    }

    #[test]
    fn only_the_startup_probe_counts_until_it_succeeded() {
        let probe = json!({"tcpSocket":{"port":80}});
        let container: Container = serde_json::from_value(
            json!({"name":"c","startupProbe":probe,"readinessProbe":probe,"livenessProbe":probe}),
        )
        .expect("read");
        let kinds = |started| due_of(&container, started).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(false), [Kind::Startup]);
        assert_eq!(kinds(true), [Kind::Readiness, Kind::Liveness]);
    }
}
