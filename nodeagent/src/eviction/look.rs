//! The loop: read, compare, reclaim, evict one, look again.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Pod;
use timonier_client::events::{Recorder, Regarding};
use tokio::{sync::watch as channel, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Gauge, Observations, Pressure, Reclaim, Signal, Threshold,
    message::{self, Part},
    rank::{Claim, Use, rank},
    watch::{Verdict, Watch},
};
use crate::{
    desired::{self, resources},
    directory::Directory,
    memory::Failure,
    rulings::{Ruling, Rulings},
    runtime::Runtime,
    stats::{PodStats, Stats},
};

/// A pod that was evicted has this long to be gone before the next goes.
const CLEARED: Duration = Duration::from_secs(30);
/// Seconds for containers that must go at once.
const AT_ONCE: i64 = 1;

/// What the node's owner decided.
pub struct Settings {
    pub thresholds: Vec<Threshold>,
    pub transition: Duration,
    /// The longest grace of a pod that a soft threshold evicts, in seconds.
    pub longest_grace: i64,
    /// From one look to the next.
    pub every: Duration,
}

pub struct Evictor<R> {
    pub runtime: Arc<R>,
    pub stats: Arc<Stats<R>>,
    pub gauge: Arc<dyn Gauge>,
    pub reclaims: Vec<Arc<dyn Reclaim>>,
    pub directory: Directory,
    pub rulings: Rulings,
    pub recorder: Recorder,
    pub node_name: String,
    /// Read by whoever says the node's conditions, and by admission.
    pub pressures: channel::Sender<BTreeSet<Pressure>>,
}

impl<R: Runtime> Evictor<R> {
    pub async fn run(self, settings: Settings, shutdown: CancellationToken) {
        let mut watch = Watch::new(settings.thresholds.clone(), settings.transition);
        loop {
            let evicted = tokio::select! {
                () = shutdown.cancelled() => return,
                evicted = self.look(&mut watch, &settings) => evicted,
            };
            let pause = async {
                match &evicted {
                    Some(uid) => self.cleared(uid).await,
                    None => sleep(settings.every).await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = pause => {}
            }
        }
    }

    /// Evicts one pod at most, and tells which.
    async fn look(&self, watch: &mut Watch, settings: &Settings) -> Option<String> {
        let mut observations = self.gauge.read().await;
        let Verdict { pressures, reclaim } = watch.look(&observations, Instant::now());
        self.pressures.send_if_modified(|said| {
            let changed = *said != pressures;
            said.clone_from(&pressures);
            changed
        });
        let threshold = reclaim?;
        let signal = threshold.signal;
        tracing::warn!(node = self.node_name, %signal, "attempting to reclaim {}", signal.resource());
        self.say(signal);
        if signal.pressure() == Pressure::Disk {
            for one in &self.reclaims {
                one.reclaim(signal).await;
            }
            observations = self.gauge.read().await;
            if !watch.is_low(signal, &observations) {
                return None;
            }
        }
        self.evict(&threshold, &observations, settings).await
    }

    async fn evict(&self, threshold: &Threshold, observations: &Observations, settings: &Settings) -> Option<String> {
        let signal = threshold.signal;
        let usage = self.stats.pods(signal.pressure() == Pressure::Disk).await.unwrap_or_default();
        let pods: Vec<_> = self.directory.all().into_iter().filter(|pod| self.may_go(pod)).collect();
        let mut claims: Vec<_> = pods.iter().map(|pod| claim(pod, &usage)).collect();
        rank(&mut claims, signal);
        let Some(first) = claims.first() else {
            tracing::warn!(node = self.node_name, %signal, "no pod is left to evict");
            return None;
        };
        let pod = pods.iter().find(|pod| pod.metadata.uid.as_deref() == Some(&first.uid))?;
        let used = usage.iter().find(|stats| stats.pod.uid == first.uid);
        let message = message::message(threshold, observations.get(&signal), &parts(pod, used, signal));
        let grace = if threshold.is_hard() { AT_ONCE } else { settings.longest_grace };
        tracing::warn!(pod = pod.metadata.name, namespace = pod.metadata.namespace, message, "evicting pod");
        let failure = Failure { reason: "Evicted".to_owned(), message };
        self.rulings.rule(&first.uid, Ruling { failure, grace: Some(grace), disrupts: true });
        Some(first.uid.clone())
    }

    /// Whether it still holds anything, and is not needed by the node itself.
    fn may_go(&self, pod: &Pod) -> bool {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let over = matches!(phase, Some("Succeeded" | "Failed"));
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        !over && !desired::is_critical(pod) && !self.rulings.is_ruled(uid)
    }

    /// Until nothing of a pod runs any more, or that takes too long.
    async fn cleared(&self, uid: &str) {
        let deadline = Instant::now() + CLEARED;
        while Instant::now() < deadline {
            sleep(Duration::from_millis(500)).await;
            match self.runtime.observe(uid).await {
                Ok(observed) if observed.running().next().is_none() => return,
                _ => {}
            }
        }
    }

    fn say(&self, signal: Signal) {
        let node = Regarding {
            kind: "Node".into(),
            api_version: "v1".into(),
            namespace: None,
            name: self.node_name.as_str().into(),
            uid: self.node_name.as_str().into(),
            field_path: None,
        };
        let message = format!("Attempting to reclaim {}", signal.resource());
        self.recorder.warning(node, "EvictionThresholdMet", message);
    }
}

fn claim(pod: &Pod, usage: &[PodStats]) -> Claim {
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let used = usage.iter().find(|stats| stats.pod.uid == uid);
    Claim {
        priority: desired::spec(pod).priority.unwrap_or(0),
        memory_request: resources::requested(pod, "memory"),
        disk_request: resources::requested(pod, "ephemeral-storage"),
        usage: used.map(|stats| Use {
            memory: stats.memory().working_set as i64,
            disk: stats.disk() as i64,
            inodes: stats.inodes() as i64,
            processes: stats.processes() as i64,
        }),
        uid,
    }
}

fn parts<'a>(pod: &'a Pod, used: Option<&PodStats>, signal: Signal) -> Vec<Part<'a>> {
    let containers = desired::spec(pod).containers.iter();
    let parts = containers.filter_map(|container| {
        let stats = used?.containers.iter().find(|stats| stats.name == container.name)?;
        let (request, usage) = match signal.resource() {
            "memory" => (resources::request(container, "memory"), stats.counters.memory?.working_set as i64),
            "ephemeral-storage" => {
                (resources::request(container, "ephemeral-storage"), (stats.root_bytes + stats.log_bytes) as i64)
            }
            _ => return None,
        };
        Some(Part { name: &container.name, request, usage })
    });
    parts.collect()
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
