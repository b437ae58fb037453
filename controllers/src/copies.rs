//! The local copies that the controllers of one process share: one watch a kind, started when first needed.

use std::sync::OnceLock;

use kube::Client;
use timonier_client::{Informer, Object, watch::Scope};
use tokio_util::sync::CancellationToken;

use crate::objects::{
    Budget, Claim, ControllerRevision, CronJob, DaemonSet, Deployment, EndpointSlice, Endpoints, Job, Namespace, Node,
    Pod, Quota, ReplicaSet, ReplicationController, Service, ServiceAccount, StatefulSet, StorageClass, Volume,
};

pub struct Copies {
    client: Client,
    shutdown: CancellationToken,
    deployments: OnceLock<Informer<Deployment>>,
    sets: OnceLock<Informer<ReplicaSet>>,
    replication_controllers: OnceLock<Informer<ReplicationController>>,
    jobs: OnceLock<Informer<Job>>,
    endpoints: OnceLock<Informer<Endpoints>>,
    slices: OnceLock<Informer<EndpointSlice>>,
    services: OnceLock<Informer<Service>>,
    cron_jobs: OnceLock<Informer<CronJob>>,
    stateful_sets: OnceLock<Informer<StatefulSet>>,
    daemon_sets: OnceLock<Informer<DaemonSet>>,
    revisions: OnceLock<Informer<ControllerRevision>>,
    pods: OnceLock<Informer<Pod>>,
    nodes: OnceLock<Informer<Node>>,
    namespaces: OnceLock<Informer<Namespace>>,
    accounts: OnceLock<Informer<ServiceAccount>>,
    claims: OnceLock<Informer<Claim>>,
    volumes: OnceLock<Informer<Volume>>,
    classes: OnceLock<Informer<StorageClass>>,
    quotas: OnceLock<Informer<Quota>>,
    budgets: OnceLock<Informer<Budget>>,
}

impl Copies {
    pub fn new(client: Client, shutdown: CancellationToken) -> Copies {
        Copies {
            client,
            shutdown,
            deployments: OnceLock::new(),
            sets: OnceLock::new(),
            replication_controllers: OnceLock::new(),
            jobs: OnceLock::new(),
            endpoints: OnceLock::new(),
            slices: OnceLock::new(),
            services: OnceLock::new(),
            cron_jobs: OnceLock::new(),
            stateful_sets: OnceLock::new(),
            daemon_sets: OnceLock::new(),
            revisions: OnceLock::new(),
            pods: OnceLock::new(),
            nodes: OnceLock::new(),
            namespaces: OnceLock::new(),
            accounts: OnceLock::new(),
            claims: OnceLock::new(),
            volumes: OnceLock::new(),
            classes: OnceLock::new(),
            quotas: OnceLock::new(),
            budgets: OnceLock::new(),
        }
    }

    fn copy<T: Object>(&self, cell: &OnceLock<Informer<T>>) -> Informer<T> {
        let start = || {
            let informer = Informer::new();
            informer.start(self.client.clone(), Scope::default(), self.shutdown.clone());
            informer
        };
        cell.get_or_init(start).clone()
    }

    pub fn budgets(&self) -> Informer<Budget> {
        self.copy(&self.budgets)
    }

    pub fn quotas(&self) -> Informer<Quota> {
        self.copy(&self.quotas)
    }

    pub fn deployments(&self) -> Informer<Deployment> {
        self.copy(&self.deployments)
    }

    pub fn sets(&self) -> Informer<ReplicaSet> {
        self.copy(&self.sets)
    }

    pub fn cron_jobs(&self) -> Informer<CronJob> {
        self.copy(&self.cron_jobs)
    }

    pub fn services(&self) -> Informer<Service> {
        self.copy(&self.services)
    }

    pub fn slices(&self) -> Informer<EndpointSlice> {
        self.copy(&self.slices)
    }

    pub fn endpoints(&self) -> Informer<Endpoints> {
        self.copy(&self.endpoints)
    }

    pub fn jobs(&self) -> Informer<Job> {
        self.copy(&self.jobs)
    }

    pub fn replication_controllers(&self) -> Informer<ReplicationController> {
        self.copy(&self.replication_controllers)
    }

    pub fn stateful_sets(&self) -> Informer<StatefulSet> {
        self.copy(&self.stateful_sets)
    }

    pub fn daemon_sets(&self) -> Informer<DaemonSet> {
        self.copy(&self.daemon_sets)
    }

    pub fn revisions(&self) -> Informer<ControllerRevision> {
        self.copy(&self.revisions)
    }

    pub fn pods(&self) -> Informer<Pod> {
        self.copy(&self.pods)
    }

    pub fn nodes(&self) -> Informer<Node> {
        self.copy(&self.nodes)
    }

    pub fn namespaces(&self) -> Informer<Namespace> {
        self.copy(&self.namespaces)
    }

    pub fn accounts(&self) -> Informer<ServiceAccount> {
        self.copy(&self.accounts)
    }

    pub fn claims(&self) -> Informer<Claim> {
        self.copy(&self.claims)
    }

    pub fn volumes(&self) -> Informer<Volume> {
        self.copy(&self.volumes)
    }

    pub fn classes(&self) -> Informer<StorageClass> {
        self.copy(&self.classes)
    }
}
