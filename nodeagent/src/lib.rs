//! The node agent: turns the pods that are bound to one node into containers, and reports what became of them.
//!
//! Invariants:
//! - What runs is decided by comparing what is wanted with what is there, never by remembering what was done: an
//!   agent that starts anew adopts what it finds and restarts nothing.
//! - A static pod runs under the uid of its file; only its status is written onto its mirror.
//! - An agent touches only what carries its cluster's and its node's labels.
//! - A pod's status has one writer, its worker, and is written only when it changed.
//! - `plan`, `status` and `desired` are pure. Only `runtime` knows Docker; it knows no Kubernetes object.
//!
//! Reading order: [`Config`], `agent` (start to stop), `pods` (a worker for each pod), `worker` (its turns), `plan`
//! (which step next), `desired` (what a spec means), `status` (what is reported), `runtime` (who does it), `node`, `server`.

mod addresses;
mod admission;
mod agent;
mod capacity;
mod config;
mod desired;
mod directory;
mod error;
mod eviction;
mod fence;
mod followed;
mod heartbeat;
mod hooks;
mod hosting;
mod images;
mod labels;
mod local_path;
mod memory;
mod metrics;
mod node;
mod observed;
mod plan;
mod pods;
mod probes;
mod rulings;
mod runtime;
mod server;
mod standalone;
mod statics;
mod stats;
mod status;
mod volumes;
mod worker;

pub use agent::run;
pub use capacity::Flags as CapacityFlags;
pub use config::{AgentTls, Config, Runtime, Timings};
pub use error::Error;
pub use eviction::{Gauge, Observation, Observations, Signal};
pub use heartbeat::Heartbeat;
pub use hosting::Hosting;
pub use runtime::docker::{check as check_docker, purge};

/// What [`purge`] removed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PurgeReport {
    pub containers: usize,
    pub networks: usize,
    pub volumes: usize,
    pub images: usize,
}
