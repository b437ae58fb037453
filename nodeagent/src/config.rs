//! What an agent must be told to run: who it is, which runtime it drives, where it listens.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::{capacity::Flags, eviction::Gauge, hosting::Hosting};

/// Everything one agent needs; one agent is one node.
#[derive(Clone)]
pub struct Config {
    /// The Node object's name; also the certificate's `system:node:NAME`.
    pub node_name: String,
    /// A client with the node's own identity.
    pub client: kube::Client,
    pub runtime: Runtime,
    /// The node's address: host ports and the agent's own port are bound here.
    pub address: IpAddr,
    /// The agent's TLS port, 10250 by convention; 0 picks a free one and publishes it in the Node's status.
    pub port: u16,
    /// `None` serves no port at all: no logs through the API server.
    pub tls: Option<AgentTls>,
    /// Volumes, hosts files and the like live below this directory.
    pub state_dir: PathBuf,
    /// Folder of static pods.
    pub pod_manifest_path: Option<PathBuf>,
    /// Subnet of the cluster's bridge on this daemon (CIDR). `None`: the node's podCIDR.
    pub bridge_subnet: Option<String>,
    /// (index, of): this agent is number `index` of `of` agents on one daemon, among whom the machine's capacity is divided.
    pub capacity_share: (u32, u32),
    /// Labels for the Node besides the well-known ones.
    pub labels: BTreeMap<String, String>,
    /// How pods are hosted.
    pub hosting: Hosting,
    /// What of the machine is for pods, and when there is too little left.
    pub capacity: Flags,
    /// What the agent reads instead of the machine's own figures; `None` but in tests.
    pub gauge: Option<Arc<dyn Gauge>>,
    pub timings: Timings,
}

/// What runs the containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// A Docker Engine; `host` as in `DOCKER_HOST` (`unix:///path` or `tcp://h:port`), `None` for the local default.
    Docker { host: Option<String> },
    /// Containers are only pretended, and everything that shows them says so.
    Hollow,
}

/// Paths (PEM) of what the agent's own port needs.
#[derive(Clone, Debug)]
pub struct AgentTls {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Client certificates must be signed by this CA …
    pub client_ca: PathBuf,
    /// … and carry this common name; anyone else gets 401.
    pub client_cn: String,
}

/// Periods that tests shorten. The defaults are the kubelet's.
#[derive(Clone, Debug)]
pub struct Timings {
    /// First delay before a crashed container is started again; doubles up to `backoff_max`.
    pub backoff_base: Duration,
    pub backoff_max: Duration,
    /// A container that ran this long starts again from `backoff_base`.
    pub backoff_reset: Duration,
    /// The slow periodic look at everything, when no event came.
    pub relist: Duration,
    /// How often eviction looks at memory, disk and processes.
    pub eviction_check: Duration,
    /// How often the node's conditions are computed.
    pub node_check: Duration,
    /// How often the Node's status is written although nothing changed.
    pub node_report: Duration,
    /// How often the node's Lease is renewed.
    pub lease_renew: Duration,
    /// `Lease.spec.leaseDurationSeconds`.
    pub lease_duration: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            backoff_base: Duration::from_secs(10),
            backoff_max: Duration::from_secs(300),
            backoff_reset: Duration::from_secs(600),
            relist: Duration::from_secs(60),
            eviction_check: Duration::from_secs(10),
            node_check: Duration::from_secs(10),
            node_report: Duration::from_secs(300),
            lease_renew: Duration::from_secs(10),
            lease_duration: Duration::from_secs(40),
        }
    }
}
