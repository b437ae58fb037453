//! `kctl node hollow`: many simulated nodes in one process, for a cluster whose other parts run by themselves.

use crate::error::Error;
use crate::flags::Global;
use crate::local::ClusterError;
use crate::local::addresses::{AGENT_PORT, Addresses};
use crate::local::settings::RuntimeKind;
use crate::output;
use crate::pki::{issue, layout::Layout};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use timonier_client::ConnectOptions;
use timonier_nodeagent as nodeagent;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Run simulated nodes: what is bound to them is reported as running, and nothing is started.
///
/// For demonstrations and tests of scale. Each node is an agent with an identity of its own, which is made from the
/// cluster's CA.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl pki init ./pki && timonier-apiserver --pki ./pki --store ./store &
  kctl node hollow --nodes 100 --pki ./pki")]
pub struct Args {
    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=250))]
    nodes: u32,
    /// Folder with the cluster's CA and credentials, as `kctl pki init` makes it
    #[arg(long, value_name = "DIR", env = "TIMONIER_PKI")]
    pki: PathBuf,
    /// Folder of the agents
    #[arg(long, value_name = "DIR", env = "TIMONIER_NODE_DIR", default_value = "/var/lib/timonier/hollow")]
    state_dir: PathBuf,
}

/// Between two tries to reach an API server that does not answer yet.
const RETRY: Duration = Duration::from_millis(50);

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let pki = Layout::new(&args.pki);
    if !pki.kubeconfig("admin").exists() {
        let hint = format!("{} has no admin.kubeconfig; run `kctl pki init {0}` first", args.pki.display());
        return Err(Error::usage(hint));
    }
    let stop = stop_on_signals()?;
    let admin = resolved(&pki, global).await?;
    let server = admin.config.cluster_url.to_string();
    let Some(id) = stop.run_until_cancelled(cluster_id(&pki, global)).await.transpose()? else { return Ok(()) };
    let addresses = Addresses::probe(&id)?;
    let mut agents = JoinSet::new();
    for number in 1..=args.nodes {
        let config = agent(&args.state_dir, &pki, server.trim_end_matches('/'), &addresses, number).await?;
        let stop = stop.clone();
        agents.spawn(async move {
            let name = config.node_name.clone();
            nodeagent::run(config, stop).await.map_err(|error| Error::usage(format!("node {name}: {error}")))
        });
    }
    output::note(format!("{} simulated nodes run. Ctrl-C stops them.", args.nodes));
    while let Some(ended) = agents.join_next().await {
        ended.map_err(|error| Error::usage(error.to_string()))??;
    }
    Ok(())
}

async fn agent(
    state_dir: &Path,
    pki: &Layout,
    server: &str,
    addresses: &Addresses,
    number: u32,
) -> Result<nodeagent::Config, Error> {
    let node_name = RuntimeKind::Hollow.node_name(number);
    let address = addresses.node(number);
    let identity = issue::NodeIdentity { name: node_name.clone(), address: address.to_string() };
    let files = issue::node(pki, server, &identity)?;
    let options =
        ConnectOptions { kubeconfig: Some(pki.kubeconfig(&files)), multiplexed: true, ..ConnectOptions::default() };
    Ok(nodeagent::Config {
        client: timonier_client::connect(options).await.map_err(|error| Error::usage(error.to_string()))?,
        runtime: nodeagent::Runtime::Hollow,
        address: IpAddr::V4(address),
        port: AGENT_PORT,
        tls: Some(issue::agent_tls(pki, &files)),
        state_dir: state_dir.join(&node_name),
        pod_manifest_path: None,
        bridge_subnet: None,
        // Each pretends to be a machine of its own.
        capacity_share: (0, 1),
        labels: Default::default(),
        hosting: nodeagent::Hosting::from_environment().map_err(Error::usage)?,
        capacity: nodeagent::CapacityFlags::of_shared_machine().map_err(Error::usage)?,
        gauge: None,
        timings: nodeagent::Timings::default(),
        node_name,
    })
}

fn options(pki: &Layout, global: &Global) -> ConnectOptions {
    ConnectOptions { kubeconfig: Some(pki.kubeconfig("admin")), server: global.server.clone(), ..Default::default() }
}

async fn resolved(pki: &Layout, global: &Global) -> Result<timonier_client::connect::Resolved, Error> {
    let found = timonier_client::connect::resolve(&options(pki, global)).await;
    found.map_err(|error| Error::usage(error.to_string()))
}

/// The uid of namespace `kube-system`, as soon as the API server says it.
async fn cluster_id(pki: &Layout, global: &Global) -> Result<String, Error> {
    let client =
        timonier_client::connect(options(pki, global)).await.map_err(|error| Error::usage(error.to_string()))?;
    let namespaces: Api<Namespace> = Api::all(client);
    loop {
        match namespaces.get("kube-system").await {
            Ok(Namespace { metadata, .. }) => {
                let missing = || Error::Protocol("kube-system has no uid".into());
                return metadata.uid.ok_or_else(missing);
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
                return Err(Error::usage(status.message));
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

fn stop_on_signals() -> Result<CancellationToken, Error> {
    let listen = |kind| signal(kind).map_err(|source| ClusterError::File { path: "signals".into(), source });
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}
