//! All parts of a cluster in one process: API server, controllers, scheduler, and an agent for each node.
//!
//! Each part keeps its own identity: its client goes through the API server's own layers, only without a socket.

use super::ClusterError;
use super::addresses::{AGENT_PORT, Addresses};
use super::ports;
use super::settings::{RuntimeKind, Settings, Wishes};
use super::state_dir::{Lock, StateDir};
use crate::pki::{issue, layout};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use timonier_apiserver::{Identity, PkiPaths, Retention, Server};
use timonier_controllers::{Authority, Profiles, Trust};
use timonier_nodeagent as nodeagent;
use timonier_store::{Store, StoreUrl};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long nodes may be silent, and pods stay on those that are; what clients may take; how far back the past can be asked for;
/// by what rules pods are placed.
#[derive(clap::Args, Clone, Debug, PartialEq, Default)]
#[group(skip)]
pub struct Patience {
    #[command(flatten)]
    pub nodes: timonier_controllers::NodeFlags,
    #[command(flatten)]
    pub pods: timonier_apiserver::Patience,
    #[command(flatten)]
    pub limits: timonier_apiserver::Limits,
    #[command(flatten)]
    pub retention: timonier_apiserver::Retention,
    #[command(flatten)]
    pub scheduler: timonier_controllers::SchedulerFlags,
}

/// A running cluster.
pub struct Cluster {
    pub settings: Settings,
    server: Server,
    shutdown: CancellationToken,
    parts: JoinSet<(String, Result<(), String>)>,
    _lock: Lock,
}

impl Cluster {
    /// Starts every part. The cluster answers when this returns; its nodes report a moment later.
    pub async fn start(dir: &StateDir, wishes: &Wishes, patience: Patience) -> Result<Cluster, ClusterError> {
        let profiles = patience.scheduler.profiles()?;
        let lock = dir.lock()?;
        let mut settings = Settings::resolve(Settings::load(dir)?, wishes)?;
        settings.port = ports::free(settings.bind_address, settings.port)?;
        settings.save(dir)?;

        let pki = layout::Layout::new(dir.pki());
        let identities = issue::Shared { server: settings.server(), server_names: settings.server_names() };
        issue::shared(&pki, &identities)?;
        let kubeconfig = issue::admin_kubeconfig(&pki, &settings.server())?;
        layout::write(&dir.kubeconfig(), &kubeconfig.to_string())?;

        let server = Server::start(timonier_apiserver::Config {
            bind: SocketAddr::new(settings.bind_address, settings.port),
            pki: PkiPaths::in_dir(pki.dir()),
            store: open_store(dir, &settings, &patience.retention).await?,
            advertise: None,
            patience: patience.pods,
            limits: patience.limits,
        })
        .await?;
        let mut cluster =
            Cluster { settings, server, shutdown: CancellationToken::new(), parts: JoinSet::new(), _lock: lock };
        cluster.start_parts(dir, &pki, patience.nodes, profiles).await?;
        Ok(cluster)
    }

    async fn start_parts(
        &mut self,
        dir: &StateDir,
        pki: &layout::Layout,
        nodes: timonier_controllers::NodeFlags,
        profiles: Profiles,
    ) -> Result<(), ClusterError> {
        let cluster_id = self.cluster_id().await?;
        self.settings.cluster_id = Some(cluster_id.clone());
        let addresses = match self.settings.addresses.clone() {
            Some(kept) => kept,
            None => Addresses::probe(&cluster_id)?,
        };
        self.settings.addresses = Some(addresses.clone());
        self.settings.save(dir)?;

        let authority = Arc::new(Authority::open(pki.dir())?);
        // Whoever is impatient with nodes wants to hear of them more often.
        let timings = nodeagent::Timings::within(nodes.node_monitor_grace_period);
        let controllers = timonier_controllers::Config {
            controllers: self.client("system:kube-controller-manager", &[]),
            scheduler: self.client("system:kube-scheduler", &[]),
            only: None,
            leader_election: None,
            cluster_cidr: addresses.pod_cidr(),
            nodes,
            profiles,
            trust: Trust {
                ca: Some(authority.pem().to_string()),
                server: Some(self.settings.advertised()),
                authority: Some(authority),
            },
        };
        let shutdown = self.shutdown.clone();
        self.spawn("controllers", async move { timonier_controllers::run(controllers, shutdown).await });
        for number in 1..=self.settings.nodes {
            let agent = self.agent(dir, pki, &addresses, timings.clone(), number)?;
            let shutdown = self.shutdown.clone();
            self.spawn(
                &format!("agent {}", agent.node_name.clone()),
                async move { nodeagent::run(agent, shutdown).await },
            );
        }
        Ok(())
    }

    fn agent(
        &self,
        dir: &StateDir,
        pki: &layout::Layout,
        addresses: &Addresses,
        timings: nodeagent::Timings,
        number: u32,
    ) -> Result<nodeagent::Config, ClusterError> {
        let settings = &self.settings;
        let node_name = settings.runtime.node_name(number);
        let address = addresses.node(number);
        let identity = issue::NodeIdentity { name: node_name.clone(), address: address.to_string() };
        let files = issue::node(pki, &settings.server(), &identity)?;
        Ok(nodeagent::Config {
            client: self.client(&format!("system:node:{node_name}"), &["system:nodes"]),
            runtime: match settings.runtime {
                RuntimeKind::Docker => nodeagent::Runtime::Docker { host: settings.docker_host.clone() },
                RuntimeKind::Hollow => nodeagent::Runtime::Hollow,
            },
            address: IpAddr::V4(address),
            port: AGENT_PORT,
            tls: Some(issue::agent_tls(pki, &files)),
            state_dir: dir.node(&node_name),
            pod_manifest_path: None,
            bridge_subnet: Some(addresses.pod_cidr()),
            capacity_share: (number - 1, settings.nodes),
            labels: Default::default(),
            hosting: nodeagent::Hosting::from_environment()
                .map_err(|detail| ClusterError::Part { part: "agent".into(), detail })?,
            capacity: nodeagent::CapacityFlags::of_shared_machine()
                .map_err(|detail| ClusterError::Part { part: format!("agent {node_name}"), detail })?,
            gauge: None,
            timings,
            node_name,
        })
    }

    /// A client with the identity of one component.
    fn client(&self, user: &str, groups: &[&str]) -> kube::Client {
        timonier_client::local(self.server.local(Identity::new(user, groups)))
    }

    /// The uid of namespace `kube-system`: what containers are labelled with.
    async fn cluster_id(&self) -> Result<String, ClusterError> {
        let namespaces: Api<Namespace> = Api::all(self.client("admin", &["system:masters"]));
        let uid = namespaces.get("kube-system").await?.metadata.uid;
        uid.ok_or_else(|| ClusterError::Part { part: "API server".into(), detail: "kube-system has no uid".into() })
    }

    fn spawn<E: std::fmt::Display>(&mut self, name: &str, part: impl Future<Output = Result<(), E>> + Send + 'static) {
        let name: Arc<str> = name.into();
        self.parts.spawn(async move { (name.to_string(), part.await.map_err(|e| e.to_string())) });
    }

    /// Waits until one part ends before it was told to: that is always a fault.
    pub async fn failure(&mut self) -> ClusterError {
        match self.parts.join_next().await {
            Some(Ok((part, Err(detail)))) => ClusterError::Part { part, detail },
            Some(Ok((part, Ok(())))) => ClusterError::Part { part, detail: "it ended by itself".into() },
            Some(Err(panic)) => ClusterError::Part { part: "a part".into(), detail: panic.to_string() },
            None => std::future::pending().await,
        }
    }

    /// Ends every part in order: agents and controllers first, then the server, then the store. Containers keep running.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while self.parts.join_next().await.is_some() {}
        self.server.shutdown().await;
    }
}

async fn open_store(dir: &StateDir, settings: &Settings, retention: &Retention) -> Result<Store, ClusterError> {
    let url: StoreUrl = match &settings.store {
        Some(url) => url.parse()?,
        None => StoreUrl::File(dir.store()),
    };
    Ok(Store::open(&url, retention.options()).await?)
}
