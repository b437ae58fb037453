//! What every program tells of itself: its log, its metrics, and traces.
//!
//! Invariants: without an endpoint for traces a [`span!`] costs one comparison; with one, nobody ever waits for the
//! endpoint: what it does not take in time is dropped and counted. It knows no kind of object.

mod exposition;
mod metrics;
mod process;
mod serve;
pub mod trace;

pub use exposition::Exposition;
pub use metrics::{encode, families, register};
pub use process::Process;
pub use serve::serve;
pub use trace::{Flags, Telemetry, TelemetryError, inject};
