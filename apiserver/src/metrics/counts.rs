//! What is counted as it happens.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use timonier_store::CommitError;

use super::labels::{self, Asked, CommitLabels, RequestLabels, Served};
use crate::request::RequestInfo;

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

pub struct Metrics {
    pub(super) registry: Registry,
    pub(super) requests: Family<RequestLabels, Counter>,
    pub(super) durations: Histograms<Asked>,
    pub(super) long_running: Family<Asked, Gauge>,
    pub(super) watch_events: Family<Served, Counter>,
    pub(super) commits: Histograms<CommitLabels>,
    pub(super) commit_errors: Family<CommitLabels, Counter>,
    /// Requests that run now: those that only read, and those that change something.
    pub(super) inflight: [AtomicI64; 2],
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::default();
        let requests = Family::<RequestLabels, Counter>::default();
        // prometheus-client adds `_total` to a counter's name.
        registry.register("apiserver_request", "Requests, by verb, resource and code", requests.clone());
        let durations = Histograms::<Asked>::new_with_constructor(|| {
            Histogram::new([0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
        });
        registry.register(
            "apiserver_request_duration_seconds",
            "Time to the head of the answer; watches and followed logs are not counted",
            durations.clone(),
        );
        let long_running = Family::<Asked, Gauge>::default();
        registry.register("apiserver_longrunning_requests", "Watches and followed logs now open", long_running.clone());
        let watch_events = Family::<Served, Counter>::default();
        registry.register("apiserver_watch_events", "Events sent to watchers", watch_events.clone());
        let commits = Histograms::<CommitLabels>::new_with_constructor(|| {
            Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
        });
        let help = "Time until the store, of whatever kind, had a change on disk";
        registry.register("etcd_request_duration_seconds", help, commits.clone());
        let commit_errors = Family::<CommitLabels, Counter>::default();
        registry.register("etcd_request_errors", "Changes that the store did not do", commit_errors.clone());
        Metrics {
            registry,
            requests,
            durations,
            long_running,
            watch_events,
            commits,
            commit_errors,
            inflight: Default::default(),
        }
    }

    /// Counts a long-running request until the guard is dropped.
    pub fn long_running(&self, info: &RequestInfo) -> LongRunning {
        let of = Asked::of(info);
        let events = self.watch_events.get_or_create_owned(&of.served);
        let gauge = self.long_running.get_or_create_owned(&of);
        gauge.inc();
        LongRunning { gauge, events }
    }

    /// Notes a change that the store did, or did not do. A conflict is an answer, not an error.
    pub fn committed<T>(&self, info: &RequestInfo, started: Instant, outcome: &Result<T, CommitError>) {
        let labels = CommitLabels::of(info);
        self.commits.get_or_create(&labels).observe(started.elapsed().as_secs_f64());
        if !matches!(outcome, Ok(_) | Err(CommitError::Conflict { .. })) {
            self.commit_errors.get_or_create(&labels).inc();
        }
    }

    pub(super) fn enter(&self, info: &RequestInfo) -> Option<InFlight<'_>> {
        if labels::is_long_running(info) {
            return None;
        }
        let mutating = !matches!(info.verb, "get" | "list" | "head" | "options");
        let count = &self.inflight[usize::from(mutating)];
        count.fetch_add(1, Ordering::Relaxed);
        Some(InFlight(count))
    }
}

pub(super) struct InFlight<'a>(&'a AtomicI64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub struct LongRunning {
    gauge: Gauge,
    events: Counter,
}

impl LongRunning {
    /// So many events were sent.
    pub fn sent(&self, events: usize) {
        self.events.inc_by(events as u64);
    }
}

impl Drop for LongRunning {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
