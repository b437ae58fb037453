//! What our clients count, under Kubernetes' names. One count for the whole process.

use std::sync::LazyLock;
use std::time::Duration;

use http::{Response, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    method: &'static str,
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Name {
    name: String,
}

struct Metrics {
    requests: Family<Request, Counter>,
    adds: Family<Name, Counter>,
    retries: Family<Name, Counter>,
    depth: Family<Name, Gauge>,
    work: Family<Name, Histogram, fn() -> Histogram>,
    leader: Family<Name, Gauge>,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let metrics = Metrics {
        requests: Family::default(),
        adds: Family::default(),
        retries: Family::default(),
        depth: Family::default(),
        work: Family::new_with_constructor(|| Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0])),
        leader: Family::default(),
    };
    timonier_telemetry::register(|registry| {
        // prometheus-client adds `_total` to a counter's name.
        registry.register(
            "rest_client_requests",
            "Requests to the API server, by method and code",
            metrics.requests.clone(),
        );
        registry.register("workqueue_adds", "Keys that were to be looked at", metrics.adds.clone());
        registry.register("workqueue_retries", "Keys that failed and are tried again", metrics.retries.clone());
        registry.register("workqueue_depth", "Keys that wait", metrics.depth.clone());
        registry.register("workqueue_work_duration_seconds", "Time that a key took", metrics.work.clone());
        registry.register("leader_election_master_status", "Whether this process leads", metrics.leader.clone());
    });
    metrics
});

/// An answer came, or none.
pub(crate) fn answered<B, E>(method: &http::Method, answer: &Result<Response<B>, E>) {
    let code = answer.as_ref().map_or_else(|_| "<error>".to_owned(), |answer| text(answer.status()));
    METRICS.requests.get_or_create(&Request { method: known(method), code }).inc();
}

fn text(code: StatusCode) -> String {
    code.as_str().to_owned()
}

fn known(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "OTHER",
    }
}

/// Whether this process holds the Lease.
pub(crate) fn leads(lease: &str, leads: bool) {
    METRICS.leader.get_or_create(&Name { name: lease.to_owned() }).set(leads.into());
}

/// The counts of one controller's queue.
pub(crate) struct Work {
    adds: Counter,
    retries: Counter,
    depth: Gauge,
    duration: Histogram,
}

impl Work {
    pub fn of(controller: &str) -> Work {
        let name = Name { name: controller.to_owned() };
        Work {
            adds: METRICS.adds.get_or_create_owned(&name),
            retries: METRICS.retries.get_or_create_owned(&name),
            depth: METRICS.depth.get_or_create_owned(&name),
            duration: METRICS.work.get_or_create_owned(&name),
        }
    }

    pub fn added(&self) {
        self.adds.inc();
    }

    pub fn ended(&self, took: Duration, failed: bool) {
        self.duration.observe(took.as_secs_f64());
        if failed {
            self.retries.inc();
        }
    }

    pub fn waiting(&self, keys: usize) {
        self.depth.set(keys as i64);
    }
}
