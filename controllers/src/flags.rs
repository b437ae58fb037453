//! How patient the node controllers are, as flags that every program which runs them offers.

use std::time::Duration;

/// Names and defaults are those of Kubernetes' controller manager.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(next_help_heading = "Node lifecycle")]
pub struct NodeFlags {
    /// A node that was not heard of for this long is marked as unreachable
    #[arg(long, env = "TIMONIER_NODE_MONITOR_GRACE_PERIOD", value_name = "DURATION", default_value = "50s",
        value_parser = duration)]
    pub node_monitor_grace_period: Duration,
    /// How often nodes are looked at
    #[arg(long, env = "TIMONIER_NODE_MONITOR_PERIOD", value_name = "DURATION", default_value = "5s",
        value_parser = duration)]
    pub node_monitor_period: Duration,
    /// Nodes a second that may lose their pods, in each zone
    #[arg(long, env = "TIMONIER_NODE_EVICTION_RATE", value_name = "NODES", default_value_t = 0.1,
        value_parser = rate)]
    pub node_eviction_rate: f64,
    /// The same while a large part of the zone is unhealthy; nothing at all in a small cluster
    #[arg(long, env = "TIMONIER_SECONDARY_NODE_EVICTION_RATE", value_name = "NODES", default_value_t = 0.01,
        value_parser = rate)]
    pub secondary_node_eviction_rate: f64,
    /// The part of a zone's nodes (at least three) from which on it counts as unhealthy
    #[arg(long, env = "TIMONIER_UNHEALTHY_ZONE_THRESHOLD", value_name = "PART", default_value_t = 0.55,
        value_parser = part)]
    pub unhealthy_zone_threshold: f64,
    /// Zones with no more nodes than this lose no pods while they are unhealthy
    #[arg(long, env = "TIMONIER_LARGE_CLUSTER_SIZE_THRESHOLD", value_name = "NODES", default_value_t = 50)]
    pub large_cluster_size_threshold: usize,
    /// Pods that have ended and are kept; the oldest beyond them are deleted. 0 keeps all
    #[arg(long, env = "TIMONIER_TERMINATED_POD_GC_THRESHOLD", value_name = "PODS", default_value_t = 12500)]
    pub terminated_pod_gc_threshold: usize,
}

impl Default for NodeFlags {
    fn default() -> NodeFlags {
        NodeFlags {
            node_monitor_grace_period: Duration::from_secs(50),
            node_monitor_period: Duration::from_secs(5),
            node_eviction_rate: 0.1,
            secondary_node_eviction_rate: 0.01,
            unhealthy_zone_threshold: 0.55,
            large_cluster_size_threshold: 50,
            terminated_pod_gc_threshold: 12500,
        }
    }
}

impl NodeFlags {
    /// The command line that says the same, for a process that is started with it.
    pub fn arguments(&self) -> Vec<String> {
        let duration = |duration: Duration| format!("{}ms", duration.as_millis());
        [
            ("--node-monitor-grace-period", duration(self.node_monitor_grace_period)),
            ("--node-monitor-period", duration(self.node_monitor_period)),
            ("--node-eviction-rate", self.node_eviction_rate.to_string()),
            ("--secondary-node-eviction-rate", self.secondary_node_eviction_rate.to_string()),
            ("--unhealthy-zone-threshold", self.unhealthy_zone_threshold.to_string()),
            ("--large-cluster-size-threshold", self.large_cluster_size_threshold.to_string()),
            ("--terminated-pod-gc-threshold", self.terminated_pod_gc_threshold.to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }
}

/// Go's notation, such as `50s` or `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration = text.parse().map_err(|_| "it must be a duration such as 50s".to_string())?;
    let duration = Duration::try_from(duration).map_err(|_| "it must not be negative".to_string())?;
    if duration.is_zero() { Err("it must be longer than nothing".into()) } else { Ok(duration) }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "it must be a number".to_string())?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("it must not be negative".into()) }
}

fn part(text: &str) -> Result<f64, String> {
    let part = rate(text)?;
    if part <= 1.0 { Ok(part) } else { Err("it must be between 0 and 1".into()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        nodes: NodeFlags,
    }

    #[test]
    fn what_is_not_said_is_as_in_kubernetes() {
        let program = Program::try_parse_from(["test"]).expect("parses");
        assert_eq!(program.nodes, NodeFlags::default());
    }

    #[test]
    fn a_process_can_be_started_with_the_same_flags() {
        let odd = NodeFlags {
            node_monitor_grace_period: Duration::from_millis(1500),
            node_eviction_rate: 2.5,
            ..NodeFlags::default()
        };
        let line = std::iter::once("test".to_string()).chain(odd.arguments());
        assert_eq!(Program::try_parse_from(line).expect("parses").nodes, odd);
    }

    #[test]
    fn nonsense_is_refused_and_the_flag_named() {
        for (flag, value) in [
            ("--node-monitor-grace-period", "0s"),
            ("--node-monitor-grace-period", "soon"),
            ("--node-eviction-rate", "-1"),
            ("--unhealthy-zone-threshold", "1.5"),
        ] {
            let refused = Program::try_parse_from(["test".to_string(), format!("{flag}={value}")]);
            let message = refused.err().expect("refused").to_string();
            assert!(message.contains(flag), "{message}");
        }
    }
}
