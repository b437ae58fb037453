//! How much of the machine is for pods: what the owner keeps back, and how little may be left before pods must go.
//! The flags have the names, forms and defaults of the kubelet's.

mod allocatable;
mod reserved;

use std::time::Duration;

pub use allocatable::{Amounts, Room, room};
use clap::Parser;
pub use reserved::Reserved;

use crate::eviction::{Threshold, thresholds};

/// The node agent's flags, and as environment variables those of `kctl up`'s agents, too.
#[derive(Clone, Debug, clap::Args)]
pub struct Flags {
    /// Resources kept for the node agent and the Docker Engine, e.g. `cpu=200m,memory=256Mi,ephemeral-storage=1Gi,pid=1000`.
    #[arg(long, env = "TIMONIER_KUBE_RESERVED", value_name = "RESOURCES", default_value = "")]
    pub kube_reserved: Reserved,
    /// Resources kept for the rest of the system, in the same form.
    #[arg(long, env = "TIMONIER_SYSTEM_RESERVED", value_name = "RESOURCES", default_value = "")]
    pub system_reserved: Reserved,
    /// Below these, pods are evicted at once: memory.available, nodefs.available, nodefs.inodesFree, imagefs.available,
    /// imagefs.inodesFree, pid.available, each an amount or a percentage. An empty text evicts nobody.
    #[arg(
        long,
        env = "TIMONIER_EVICTION_HARD",
        value_name = "THRESHOLDS",
        default_value = "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%"
    )]
    pub eviction_hard: String,
    /// Below these for longer than their grace period, pods are evicted and get time to end.
    #[arg(long, env = "TIMONIER_EVICTION_SOFT", value_name = "THRESHOLDS", default_value = "")]
    pub eviction_soft: String,
    /// The grace period of each soft threshold, e.g. `memory.available=1m30s`.
    #[arg(long, env = "TIMONIER_EVICTION_SOFT_GRACE_PERIOD", value_name = "PERIODS", default_value = "")]
    pub eviction_soft_grace_period: String,
    /// How much more than its threshold is reclaimed once one is met, e.g. `memory.available=200Mi,nodefs.available=5%`.
    #[arg(long, env = "TIMONIER_EVICTION_MINIMUM_RECLAIM", value_name = "AMOUNTS", default_value = "")]
    pub eviction_minimum_reclaim: String,
    /// The longest that a pod gets to end when a soft threshold evicts it, in seconds.
    #[arg(long, env = "TIMONIER_EVICTION_MAX_POD_GRACE_PERIOD", value_name = "SECONDS", default_value_t = 0)]
    pub eviction_max_pod_grace_period: u32,
    /// How long a condition of pressure stays after the pressure itself.
    #[arg(
        long,
        env = "TIMONIER_EVICTION_PRESSURE_TRANSITION_PERIOD",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = thresholds::duration
    )]
    pub eviction_pressure_transition_period: Duration,
    /// Pods on this node at most.
    #[arg(long, env = "TIMONIER_MAX_PODS", value_name = "NUMBER")]
    pub max_pods: Option<u32>,
}

#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    flags: Flags,
}

impl Flags {
    /// The defaults, overruled by environment variables. An error names the variable that makes no sense.
    pub fn from_environment() -> Result<Flags, String> {
        Environment::try_parse_from(["timonier"]).map(|parsed| parsed.flags).map_err(|error| error.to_string())
    }

    /// The same for a cluster that shares its machine with all that its owner keeps there: without a word on it nobody is
    /// evicted.
    pub fn of_shared_machine() -> Result<Flags, String> {
        let mut flags = Flags::from_environment()?;
        if std::env::var_os("TIMONIER_EVICTION_HARD").is_none() {
            flags.eviction_hard = String::new();
        }
        Ok(flags)
    }

    /// When pods are evicted. An error names the flag at fault.
    pub fn thresholds(&self) -> Result<Vec<Threshold>, String> {
        thresholds::parse(&thresholds::Texts {
            hard: &self.eviction_hard,
            soft: &self.eviction_soft,
            soft_grace: &self.eviction_soft_grace_period,
            minimum_reclaim: &self.eviction_minimum_reclaim,
        })
    }
}

impl Default for Flags {
    fn default() -> Self {
        Flags {
            kube_reserved: Reserved::default(),
            system_reserved: Reserved::default(),
            eviction_hard: String::new(),
            eviction_soft: String::new(),
            eviction_soft_grace_period: String::new(),
            eviction_minimum_reclaim: String::new(),
            eviction_max_pod_grace_period: 0,
            eviction_pressure_transition_period: Duration::from_secs(300),
            max_pods: None,
        }
    }
}
