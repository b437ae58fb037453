//! `/metrics`, under the names that Kubernetes' dashboards know.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::request::RequestInfo;
use crate::respond;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct LongLabels {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
}

pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<LongLabels, Histogram, fn() -> Histogram>,
    long_running: Family<LongLabels, Gauge>,
    revision: Gauge<u64, AtomicU64>,
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::default();
        let requests = Family::<RequestLabels, Counter>::default();
        // prometheus-client adds `_total` to a counter's name.
        registry.register("apiserver_request", "Requests, by verb, resource and code", requests.clone());
        let durations = Family::<LongLabels, Histogram, fn() -> Histogram>::new_with_constructor(|| {
            Histogram::new([0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
        });
        registry.register(
            "apiserver_request_duration_seconds",
            "Time to the head of the answer; watches and followed logs are not counted",
            durations.clone(),
        );
        let long_running = Family::<LongLabels, Gauge>::default();
        registry.register("apiserver_longrunning_requests", "Watches and followed logs now open", long_running.clone());
        let revision = Gauge::default();
        registry.register("timonier_store_revision", "The newest revision that this server has seen", revision.clone());
        Metrics { registry, requests, durations, long_running, revision }
    }

    /// Counts a long-running request until the guard is dropped.
    pub fn long_running(&self, info: &RequestInfo) -> LongRunning {
        let gauge = self.long_running.get_or_create_owned(&long_labels(info));
        gauge.inc();
        LongRunning(gauge)
    }
}

pub struct LongRunning(Gauge);

impl Drop for LongRunning {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn verb(info: &RequestInfo) -> String {
    info.verb.to_ascii_uppercase()
}

fn long_labels(info: &RequestInfo) -> LongLabels {
    LongLabels {
        verb: verb(info),
        group: info.group.clone(),
        version: info.version.clone(),
        resource: info.resource.clone(),
        subresource: info.subresource.clone(),
    }
}

/// Counts and times every request. Resources that nobody serves share one line, so that no client can make up labels.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut info = request.extensions().get::<RequestInfo>().cloned().unwrap_or_default();
    let response = next.run(request).await;
    tracing::debug!(verb = info.verb, path = info.path, code = response.status().as_u16(), took = ?started.elapsed());
    if info.is_resource && app.kinds.current().by_plural(&info.group, &info.version, &info.resource).is_none() {
        info = RequestInfo { verb: info.verb, ..RequestInfo::default() };
    }
    let metrics = &app.metrics;
    let labels = RequestLabels {
        verb: verb(&info),
        group: info.group.clone(),
        version: info.version.clone(),
        resource: info.resource.clone(),
        subresource: info.subresource.clone(),
        code: response.status().as_u16(),
    };
    metrics.requests.get_or_create(&labels).inc();
    let long = matches!(&*info.subresource, "log" | "exec" | "attach" | "portforward");
    if info.verb != "watch" && !long {
        metrics.durations.get_or_create(&long_labels(&info)).observe(started.elapsed().as_secs_f64());
    }
    response
}

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(show))
}

async fn show(State(app): State<Arc<App>>) -> Response {
    app.metrics.revision.set(app.store.snapshot().revision().0);
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &app.metrics.registry) {
        Ok(()) => {
            respond::typed(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text.into())
        }
        Err(error) => respond::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
