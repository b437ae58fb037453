//! What [`crate::run`] is told.

use timonier_client::leader::LeaseName;

use crate::{flags::NodeFlags, nodeipam::ClusterCidr, scheduler::profiles::Profiles, trust::Trust};

/// The controllers by name, as `--only` takes them.
pub const NAMES: &[&str] = &[
    "deployment",
    "replicaset",
    "replicationcontroller",
    "job",
    "cronjob",
    "config-roll",
    "ttl-after-finished",
    "statefulset",
    "daemonset",
    "endpointslice",
    "endpointslice-mirroring",
    "endpoints",
    "garbage-collector",
    "namespace",
    "serviceaccount",
    "nodeipam",
    "node-ttl",
    "node-lifecycle",
    "taint-eviction",
    "pod-garbage-collector",
    "root-ca-publisher",
    "certificates",
    "token-cleaner",
    "persistentvolume-binder",
    "local-path-provisioner",
    "persistentvolumeclaim-protection",
    "persistentvolume-protection",
    "ephemeral-volume",
    "clusterrole-aggregation",
    "resourcequota",
    "disruption",
    "scheduler",
];

pub struct Config {
    /// The identity of the controllers.
    pub controllers: kube::Client,
    /// The identity of the scheduler.
    pub scheduler: kube::Client,
    /// Names out of [`NAMES`]; None runs all.
    pub only: Option<Vec<String>>,
    /// None: this process is the only one.
    pub leader_election: Option<LeaderElection>,
    /// `10.244.0.0/16`: each node gets a /24 of it.
    pub cluster_cidr: String,
    /// By what rules the scheduler places which pods.
    pub profiles: Profiles,
    /// How patient the controllers are with nodes.
    pub nodes: NodeFlags,
    /// What is told of the cluster, and who signs for it.
    pub trust: Trust,
}

/// Takes part in an election before acting.
#[derive(Debug, Clone)]
pub struct LeaderElection {
    pub lease: LeaseName,
    /// Unique among the replicas.
    pub identity: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("--only: there is no controller {name:?}; there are {}", NAMES.join(", "))]
    UnknownController { name: String },
    #[error("--cluster-cidr {given:?} is not an IPv4 range of /24 or wider, such as 10.244.0.0/16: {message}")]
    ClusterCidr { given: String, message: String },
}

impl Config {
    /// The names to run, in the order of [`NAMES`].
    pub fn chosen(&self) -> Result<Vec<&'static str>, Error> {
        let Some(only) = &self.only else { return Ok(NAMES.to_vec()) };
        if let Some(name) = only.iter().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(Error::UnknownController { name: name.clone() });
        }
        Ok(NAMES.iter().filter(|name| only.iter().any(|wanted| wanted == *name)).copied().collect())
    }

    pub(crate) fn cluster_range(&self) -> Result<ClusterCidr, Error> {
        self.cluster_cidr.parse().map_err(|message| Error::ClusterCidr { given: self.cluster_cidr.clone(), message })
    }
}
