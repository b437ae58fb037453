//! The limits as flags that every program which serves the API offers.

use std::time::Duration;

/// What one client may take of a server.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Limits {
    /// The largest body of a request, in bytes; a larger one is refused (413)
    #[arg(long, env = "TIMONIER_MAX_REQUEST_BYTES", value_name = "BYTES", default_value_t = 3 << 20,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1024..=1 << 30))]
    pub max_request_bytes: usize,
    /// How many requests of one user run at the same time
    #[arg(long, env = "TIMONIER_MAX_REQUESTS_INFLIGHT_PER_USER", value_name = "N", default_value_t = 64,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub max_requests_inflight_per_user: usize,
    /// How many more of them wait; beyond that they are refused (429)
    #[arg(long, env = "TIMONIER_MAX_REQUESTS_QUEUED_PER_USER", value_name = "N", default_value_t = 1024,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=1_000_000))]
    pub max_requests_queued_per_user: usize,
    /// How long one may wait, in seconds, before it is refused (429)
    #[arg(long, env = "TIMONIER_REQUEST_QUEUE_SECONDS", value_name = "SECONDS", default_value_t = 15,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_queue_seconds: u64,
    /// How many watches one user has open; more are refused (429)
    #[arg(long, env = "TIMONIER_MAX_WATCHES_PER_USER", value_name = "N", default_value_t = 20_000,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000_000))]
    pub max_watches_per_user: usize,
    /// A client that takes nothing of what it is sent for so many seconds is cut off, 0 for never
    #[arg(long, env = "TIMONIER_SLOW_CLIENT_SECONDS", value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub slow_client_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_request_bytes: 3 << 20,
            max_requests_inflight_per_user: 64,
            max_requests_queued_per_user: 1024,
            request_queue_seconds: 15,
            max_watches_per_user: 20_000,
            slow_client_seconds: 60,
        }
    }
}

impl Limits {
    /// The command line that says the same, for a process that is started with it.
    pub fn arguments(&self) -> Vec<String> {
        vec![
            format!("--max-request-bytes={}", self.max_request_bytes),
            format!("--max-requests-inflight-per-user={}", self.max_requests_inflight_per_user),
            format!("--max-requests-queued-per-user={}", self.max_requests_queued_per_user),
            format!("--request-queue-seconds={}", self.request_queue_seconds),
            format!("--max-watches-per-user={}", self.max_watches_per_user),
            format!("--slow-client-seconds={}", self.slow_client_seconds),
        ]
    }

    pub fn request_queue(&self) -> Duration {
        Duration::from_secs(self.request_queue_seconds)
    }

    /// `None`: nobody is cut off.
    pub fn slow_client(&self) -> Option<Duration> {
        (self.slow_client_seconds > 0).then(|| Duration::from_secs(self.slow_client_seconds))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn the_command_line_says_what_the_limits_are() {
        let none = Program::try_parse_from(["program"]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(none.limits, Limits::default());
        let own = Limits { max_request_bytes: 4096, max_watches_per_user: 5, slow_client_seconds: 0, ..none.limits };
        let line = std::iter::once("program".to_string()).chain(own.arguments());
        let again = Program::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.limits, own);
        let wrong = Program::try_parse_from(["program", "--max-request-bytes=5"]).err().map(|error| error.to_string());
        assert!(wrong.is_some_and(|wrong| wrong.contains("--max-request-bytes")));
    }
}
