//! The controllers: each watches, plans and writes through the API, and talks to no other.
//!
//! Invariants:
//! - A reconcile is given a key and never an event; `plan.rs` of each folder is pure.
//! - Views are slim and read-only: controllers patch, they never send an object back.
//! - Each range of state has one writer: controllers create and delete pods, the scheduler alone binds them.
//! - A key is not planned again before the watches have shown what its last step wrote.
//!
//! Reading order: [`config`], this file, `start` (what each controller watches), `pods` and `history` (what all that make
//! pods, and all that roll back, share), then a folder a controller: `deployment`, `replicaset`, `statefulset`,
//! `daemonset`, `job`, `cronjob`, `garbage`, `namespace`, `serviceaccount`, `nodeipam`, [`scheduler`]; for nodes, `node_ttl`, and when they fail, `vigil`,
//! `nodelifecycle`, `tainteviction`, `podgc`; for what is limited, `resourcequota` and `disruption`; for what is behind services,
//! `endpoints`; for workloads that follow their configuration, `configroll`.

mod authority;
mod certificates;
mod clusterrole;
pub mod config;
mod configroll;
mod copies;
mod cronjob;
mod daemonset;
mod deployment;
mod discovery;
mod disruption;
mod election_flags;
mod endpoints;
pub mod flags;
mod garbage;
mod general_name;
mod ground;
mod history;
mod job;
mod namespace;
mod node_ttl;
mod nodeipam;
mod nodelifecycle;
mod objects;
mod owners;
mod podgc;
mod pods;
mod publisher;
mod refusal;
mod replicaset;
mod resourcequota;
pub mod scheduler;
mod serviceaccount;
mod start;
mod statefulset;
mod storage;
mod supervise;
mod tainteviction;
mod token_cleaner;
mod trust;
mod vigil;

pub use authority::{Authority, AuthorityError};
pub use config::{Config, Error, LeaderElection};
pub use election_flags::ElectionFlags;
pub use flags::NodeFlags;
pub use scheduler::profiles::{ProfileError, Profiles, SchedulerFlags};

pub use trust::Trust;

use std::sync::Arc;

use timonier_client::leader;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use ground::Ground;
use supervise::supervise;

/// Runs the chosen controllers until `shutdown`; with leader election, only while leader. Returns when all have
/// ended.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    let chosen = config.chosen()?;
    let cidr = config.cluster_range()?;
    let Some(election) = &config.leader_election else {
        work(&config, &chosen, cidr, shutdown).await;
        return Ok(());
    };
    let (lease, identity) = (election.lease.clone(), election.identity.clone());
    let mut election = leader::elect(config.controllers.clone(), lease, identity, shutdown);
    while let Some(term) = election.elected().await {
        work(&config, &chosen, cidr, term.lost.clone()).await;
        term.ended();
    }
    election.finished().await;
    Ok(())
}

/// One term: fresh copies, all controllers, until `shutdown`.
async fn work(
    config: &Config,
    chosen: &[&'static str],
    cluster_cidr: nodeipam::ClusterCidr,
    shutdown: CancellationToken,
) {
    let client = config.controllers.clone();
    let copies = copies::Copies::new(client.clone(), shutdown.clone());
    let ground = Arc::new(Ground::new(
        client,
        copies,
        cluster_cidr,
        config.nodes.clone(),
        config.trust.clone(),
        shutdown.clone(),
    ));
    let mut controllers = JoinSet::new();
    for name in chosen.iter().copied() {
        let (ground, stop) = (ground.clone(), shutdown.clone());
        let scheduler = (config.scheduler.clone(), config.profiles.clone());
        let start = move || {
            let (ground, stop, scheduler) = (ground.clone(), stop.clone(), scheduler.clone());
            async move {
                match name {
                    "deployment" => start::deployment(ground, stop).await,
                    "replicaset" => replicaset::replicaset(ground, stop).await,
                    "daemonset" => daemonset::daemonset(ground, stop).await,
                    "statefulset" => statefulset::statefulset(ground, stop).await,
                    "replicationcontroller" => replicaset::replicationcontroller(ground, stop).await,
                    "job" => job::start(ground, stop).await,
                    "cronjob" => cronjob::start(ground, stop).await,
                    "endpointslice" => endpoints::endpointslice(ground, stop).await,
                    "endpointslice-mirroring" => endpoints::endpointslice_mirroring(ground, stop).await,
                    "endpoints" => endpoints::endpoints(ground, stop).await,
                    "config-roll" => configroll::start(ground, stop).await,
                    "ttl-after-finished" => job::ttl::start(ground, stop).await,
                    "garbage-collector" => start::garbage_collector(ground, stop).await,
                    "namespace" => start::namespace(ground, stop).await,
                    "serviceaccount" => start::serviceaccount(ground, stop).await,
                    "nodeipam" => start::nodeipam(ground, stop).await,
                    "node-ttl" => start::node_ttl(ground, stop).await,
                    "node-lifecycle" => start::node_lifecycle(ground, stop).await,
                    "taint-eviction" => start::taint_eviction(ground, stop).await,
                    "pod-garbage-collector" => start::pod_garbage_collector(ground, stop).await,
                    "root-ca-publisher" => trust::start::root_ca_publisher(ground, stop).await,
                    "certificates" => trust::start::certificates(ground, stop).await,
                    "token-cleaner" => trust::start::token_cleaner(ground, stop).await,
                    "persistentvolume-binder" => start::persistentvolume_binder(ground, stop).await,
                    "local-path-provisioner" => start::local_path_provisioner(ground, stop).await,
                    "persistentvolumeclaim-protection" => start::claim_protection(ground, stop).await,
                    "persistentvolume-protection" => start::volume_protection(ground, stop).await,
                    "ephemeral-volume" => start::ephemeral_volume(ground, stop).await,
                    "clusterrole-aggregation" => start::clusterrole_aggregation(ground, stop).await,
                    "resourcequota" => start::resourcequota(ground, stop).await,
                    "disruption" => start::disruption(ground, stop).await,
                    "scheduler" => scheduler::run(scheduler.0, scheduler.1, stop).await,
                    unknown => unreachable!("{unknown} is not in config::NAMES"),
                }
            }
        };
        controllers.spawn(supervise(name, start, shutdown.clone()));
    }
    controllers.join_all().await;
    info!("controllers have stopped");
}
