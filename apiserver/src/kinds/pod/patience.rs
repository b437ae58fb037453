//! How long pods stay on a node in trouble when they do not say so themselves.

/// Seconds, as flags that every program which serves the API offers. Names and defaults are Kubernetes' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Patience {
    /// Seconds that pods stay on a node that is not ready, unless they say otherwise
    #[arg(long = "default-not-ready-toleration-seconds", env = "TIMONIER_DEFAULT_NOT_READY_TOLERATION_SECONDS",
        value_name = "SECONDS", default_value_t = Patience::KUBERNETES.not_ready,
        value_parser = clap::value_parser!(i64).range(0..))]
    pub not_ready: i64,
    /// Seconds that pods stay on a node that does not answer, unless they say otherwise
    #[arg(long = "default-unreachable-toleration-seconds", env = "TIMONIER_DEFAULT_UNREACHABLE_TOLERATION_SECONDS",
        value_name = "SECONDS", default_value_t = Patience::KUBERNETES.unreachable,
        value_parser = clap::value_parser!(i64).range(0..))]
    pub unreachable: i64,
}

impl Patience {
    pub const KUBERNETES: Patience = Patience { not_ready: 300, unreachable: 300 };

    /// The command line that says the same, for a process that is started with it.
    pub fn arguments(&self) -> Vec<String> {
        vec![
            format!("--default-not-ready-toleration-seconds={}", self.not_ready),
            format!("--default-unreachable-toleration-seconds={}", self.unreachable),
        ]
    }

    /// With the taint that each is about.
    pub(super) fn by_taint(self) -> [(&'static str, i64); 2] {
        [("node.kubernetes.io/not-ready", self.not_ready), ("node.kubernetes.io/unreachable", self.unreachable)]
    }
}

impl Default for Patience {
    fn default() -> Patience {
        Patience::KUBERNETES
    }
}
