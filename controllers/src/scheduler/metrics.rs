//! What the scheduler counts, under the names of Kubernetes' scheduler.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use timonier_scheduling::Pod;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Attempt {
    result: &'static str,
    /// The `spec.schedulerName` that it serves.
    profile: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pending {
    queue: &'static str,
}

struct Metrics {
    attempts: Family<Attempt, Counter>,
    durations: Family<Attempt, Histogram, fn() -> Histogram>,
    pending: Family<Pending, Gauge>,
    preemptions: Counter,
    victims: Histogram,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let metrics = Metrics {
        attempts: Family::default(),
        durations: Family::new_with_constructor(|| Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0])),
        pending: Family::default(),
        preemptions: Counter::default(),
        victims: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]),
    };
    timonier_telemetry::register(|registry| {
        // prometheus-client adds `_total` to a counter's name.
        registry.register("scheduler_schedule_attempts", "Tries to find a node for a pod", metrics.attempts.clone());
        let help = "Time to write what was decided for a pod";
        registry.register("scheduler_scheduling_attempt_duration_seconds", help, metrics.durations.clone());
        registry.register("scheduler_pending_pods", "Pods that wait for a node", metrics.pending.clone());
        let help = "Times that pods had to make room";
        registry.register("scheduler_preemption_attempts", help, metrics.preemptions.clone());
        let help = "Pods that had to make room at a time";
        registry.register("scheduler_preemption_victims", help, metrics.victims.clone());
    });
    metrics
});

fn attempt(result: &'static str, pod: &Pod) -> Attempt {
    Attempt { result, profile: pod.scheduler.clone() }
}

/// A binding was written, or was not.
pub fn bound(pod: &Pod, written: bool, took: Duration) {
    let labels = attempt(if written { "scheduled" } else { "error" }, pod);
    METRICS.attempts.get_or_create(&labels).inc();
    METRICS.durations.get_or_create(&labels).observe(took.as_secs_f64());
}

/// No node would do.
pub fn unschedulable(pod: &Pod) {
    METRICS.attempts.get_or_create(&attempt("unschedulable", pod)).inc();
}

/// So many pods make room for this one.
pub fn preemption(pod: &Pod, victims: usize) {
    unschedulable(pod);
    METRICS.preemptions.inc();
    METRICS.victims.observe(victims as f64);
}

/// How many pods are tried next, back off, or wait for a change.
pub fn pending(active: usize, backing_off: usize, parked: usize) {
    for (queue, pods) in [("active", active), ("backoff", backing_off), ("unschedulable", parked)] {
        METRICS.pending.get_or_create(&Pending { queue }).set(pods as i64);
    }
}
