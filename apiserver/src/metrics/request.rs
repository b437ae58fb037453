//! Around every request: what counts and times it.

use std::time::Instant;

use axum::extract::Request;
use http::StatusCode;
use timonier_telemetry::{span, trace::context};
use tracing::{Instrument, Span, field};

use super::counts::InFlight;
use super::labels::{self, Asked, RequestLabels};
use crate::app::App;
use crate::request::RequestInfo;

/// A request that is being answered.
pub struct Counted<'a> {
    app: &'a App,
    started: Instant,
    of: Asked,
    long: bool,
    span: Span,
    /// `None` for what takes as long as the client likes.
    running: Option<InFlight<'a>>,
}

/// Begins to count and time a request that was read, and begins its span.
pub fn begin<'a>(app: &'a App, request: &Request) -> Counted<'a> {
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
    let span = span_of(request, &of);
    Counted { app, started, of, long, span, running }
}

impl Counted<'_> {
    /// What is done for the request, inside its span.
    pub fn trace<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.instrument(self.span.clone())
    }

    /// It has been answered.
    pub fn end(self, status: StatusCode) {
        let Counted { app, started, of, long, span, running } = self;
        drop(running);
        let code = status.as_u16();
        span.record("http.response.status_code", code);
        if code >= 500 {
            span.record("error", status.as_str());
        }
        tracing::debug!(verb = of.verb, resource = &*of.served.resource, code, took = ?started.elapsed());
        if !long {
            app.metrics.durations.get_or_create(&of).observe(started.elapsed().as_secs_f64());
        }
        app.metrics.requests.get_or_create(&RequestLabels { of, code }).inc();
    }
}

/// The span of a request, which goes on where its client's is.
fn span_of(request: &Request, of: &Asked) -> Span {
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
