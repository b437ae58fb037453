//! The log of a program, and its traces if they are asked for.

use std::io::IsTerminal;

use http::Uri;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::TARGET;
use super::export::Outbox;
use super::layer::Spans;

/// Where traces go, as a flag that every program offers.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Flags {
    /// Where traces go: an OpenTelemetry collector that takes OTLP over HTTP, such as http://127.0.0.1:4318
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub tracing_endpoint: Option<String>,
}

/// Why a program does not tell what it should.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("--tracing-endpoint {endpoint:?}: {problem}")]
    Endpoint { endpoint: String, problem: &'static str },
    #[error("the thread for traces cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Held as long as the program runs.
pub struct Telemetry {
    outbox: Option<Outbox>,
}

impl Telemetry {
    /// Logs to standard error what `log` lets through, and sends traces of `service` when there is an endpoint. A `log`
    /// that is no filter is `info`.
    pub fn start(service: &str, log: &str, flags: &Flags) -> Result<Telemetry, TelemetryError> {
        let outbox = match flags.tracing_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) {
            Some(endpoint) => Some(Outbox::start(service, traces(endpoint)?)?),
            None => None,
        };
        let filter = EnvFilter::try_new(log).unwrap_or_else(|_| EnvFilter::new("info"));
        // Only an earlier subscriber could refuse; then that one logs.
        let _first = match &outbox {
            None => Registry::default().with(filter).with(lines()).try_init(),
            Some(outbox) => {
                let only = Targets::new().with_target(TARGET, LevelFilter::TRACE);
                let spans = Spans::new(outbox.clone()).with_filter(only);
                Registry::default().with(lines().with_filter(filter)).with(spans).try_init()
            }
        };
        Ok(Telemetry { outbox })
    }

    /// Sends what waits, before the program ends. Waits a few seconds at most.
    pub fn flush(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.flush();
        }
    }
}

/// The log on standard error.
fn lines<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal())
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The address for traces below an endpoint, as OpenTelemetry's variables mean it.
fn traces(endpoint: &str) -> Result<Uri, TelemetryError> {
    let wrong = |problem| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), problem };
    let base: Uri = endpoint.parse().map_err(|_| wrong("this is no URL"))?;
    match (base.scheme_str(), base.authority()) {
        (Some("http"), Some(_)) => {}
        (Some("https"), _) => return Err(wrong("TLS is not spoken here: use http:// and a collector on this machine")),
        _ => return Err(wrong("want http://HOST:PORT")),
    }
    format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse().map_err(|_| wrong("this is no URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_for_traces_is_below_the_endpoint() {
        assert_eq!(traces("http://127.0.0.1:4318").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces("http://collector:80/otlp/").unwrap(), "http://collector:80/otlp/v1/traces");
        for bad in ["collector:4317", "https://collector", "grpc://x:1", "/v1/traces", "http://"] {
            let error = traces(bad).unwrap_err().to_string();
            assert!(error.contains("--tracing-endpoint") && error.contains(bad), "{error}");
        }
    }
}
