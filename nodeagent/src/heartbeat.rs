//! How often a node is heard of, as flags of the agent. Names and defaults are the kubelet's.

use std::time::Duration;

use crate::config::Timings;

#[derive(Clone, Debug, clap::Args)]
pub struct Heartbeat {
    /// Seconds after which a Lease that was not renewed may be taken for abandoned; it is renewed four times as often.
    #[arg(long, env = "TIMONIER_NODE_LEASE_DURATION_SECONDS", value_name = "SECONDS", default_value_t = 40,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub node_lease_duration_seconds: u64,
    /// Seconds between two looks at the node's own state.
    #[arg(long, env = "TIMONIER_NODE_STATUS_UPDATE_FREQUENCY", value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub node_status_update_frequency: u64,
}

impl Heartbeat {
    pub fn timings(&self) -> Timings {
        let lease_duration = Duration::from_secs(self.node_lease_duration_seconds);
        Timings {
            lease_duration,
            lease_renew: lease_duration / 4,
            node_check: Duration::from_secs(self.node_status_update_frequency),
            ..Timings::default()
        }
    }
}

impl Timings {
    /// Of agents whose silence is noticed after `grace`: they beat several times within it.
    pub fn within(grace: Duration) -> Timings {
        let usual = Timings::default();
        let (lease_renew, node_check) = (usual.lease_renew.min(grace / 5), usual.node_check.min(grace / 5));
        Timings { lease_renew, node_check, ..usual }
    }
}
