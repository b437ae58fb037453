//! Around every request: what counts and times it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use timonier_telemetry::{span, trace::context};
use tracing::{Instrument, Span, field};

use super::labels::{self, Asked, RequestLabels};
use crate::app::App;
use crate::request::RequestInfo;

/// Counts and times every request, and begins its span.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let info = request.extensions().get::<RequestInfo>();
    let known = info.is_none_or(|info| {
        !info.is_resource || app.kinds.current().by_plural(&info.group, &info.version, &info.resource).is_some()
    });
    let of = match info {
        Some(info) if known => Asked::of(info),
        Some(info) => Asked::unknown(info),
        None => Asked::default(),
    };
    let long = info.is_some_and(labels::is_long_running);
    let running = info.and_then(|info| app.metrics.enter(info));
    let span = begin(&request, &of);
    let response = next.run(request).instrument(span.clone()).await;
    drop(running);
    let code = response.status().as_u16();
    span.record("http.response.status_code", code);
    if code >= 500 {
        span.record("error", response.status().as_str());
    }
    tracing::debug!(verb = of.verb, resource = &*of.served.resource, code, took = ?started.elapsed());
    let metrics = &app.metrics;
    if !long {
        metrics.durations.get_or_create(&of).observe(started.elapsed().as_secs_f64());
    }
    metrics.requests.get_or_create(&RequestLabels { of, code }).inc();
    response
}

/// The span of a request, which goes on where its client's is.
fn begin(request: &Request, of: &Asked) -> Span {
    let space = if of.served.resource.is_empty() { "" } else { " " };
    span!(
        "request",
        otel.name = %format_args!("{}{space}{}", of.verb, of.served.resource),
        otel.kind = "server",
        traceparent = context::of(request.headers()),
        http.request.method = request.method().as_str(),
        url.path = request.uri().path(),
        http.response.status_code = field::Empty,
        error = field::Empty,
    )
}
