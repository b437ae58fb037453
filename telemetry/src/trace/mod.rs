//! Traces: spans along a request's way, sent to an OpenTelemetry collector.
//!
//! Reading order: [`context`] (what goes from one program to the next), `span` (what is known of one), `layer` (which
//! learns it from crate `tracing`), `otlp` (spans as JSON), `export` (the thread that sends them), `start`.

pub mod context;
mod current;
mod export;
mod layer;
mod otlp;
mod span;
mod start;

pub use context::inject;
pub use start::{Flags, Telemetry, TelemetryError};

/// Which of the events and spans of crate `tracing` are traces.
pub const TARGET: &str = "timonier::trace";

/// A span of a trace, as `tracing::trace_span!` takes it. It is nothing when no traces are asked for.
///
/// Fields with a meaning of their own: `otel.name` (the span's name), `otel.kind` (`server`, `client`), `traceparent` (whose
/// child it is, as the header of that name says), `error` (why it failed). All others are attributes.
#[macro_export]
macro_rules! span {
    ($name:literal $(, $($fields:tt)*)?) => {
        ::tracing::trace_span!(target: "timonier::trace", $name, $($($fields)*)?)
    };
}
