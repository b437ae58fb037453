//! `timonier-nodeagent`: one node of a cluster, as a process.

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use timonier_client::ConnectOptions;
use timonier_nodeagent::{AgentTls, CapacityFlags, Config, Heartbeat, Hosting, Runtime};
use timonier_telemetry::Telemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs the pods of one node on its Docker Engine.
#[derive(Parser)]
#[command(name = "timonier-nodeagent", version)]
struct Arguments {
    /// Kubeconfig with the node's own identity (CN=system:node:NAME).
    #[arg(long, env = "TIMONIER_KUBECONFIG", value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Name of the Node object.
    #[arg(long, env = "TIMONIER_NODE_NAME", value_name = "NAME")]
    node_name: String,
    /// The node's address: host ports and the agent's own port are bound here.
    #[arg(long, env = "TIMONIER_ADDRESS", value_name = "IP")]
    address: IpAddr,
    /// The agent's TLS port, which the API server reads logs from.
    #[arg(long, env = "TIMONIER_PORT", default_value_t = 10250)]
    port: u16,
    /// What runs the containers. `hollow` only pretends, and says so.
    #[arg(long, env = "TIMONIER_RUNTIME", value_enum, default_value = "docker")]
    runtime: RuntimeName,
    /// The Docker Engine (unix:///path or tcp://host:port); the local one by default.
    #[arg(long, env = "DOCKER_HOST", value_name = "URL")]
    docker_host: Option<String>,
    /// Directory of the cluster's certificates: ca.crt, nodes/NAME.crt and nodes/NAME.key. Without it no port is served.
    #[arg(long, env = "TIMONIER_PKI", value_name = "DIR")]
    pki: Option<PathBuf>,
    /// Common name of the only client that the agent's port answers.
    #[arg(long, env = "TIMONIER_CLIENT_CN", value_name = "CN", default_value = "timonier-apiserver")]
    client_cn: String,
    /// Where volumes are kept.
    #[arg(long, env = "TIMONIER_STATE_DIR", value_name = "DIR", default_value = "/var/lib/timonier/nodeagent")]
    state_dir: PathBuf,
    /// Folder of static pods: manifests (*.yaml, *.yml, *.json) that this node runs also without an API server.
    #[arg(long, env = "TIMONIER_POD_MANIFEST_PATH", value_name = "DIR")]
    pod_manifest_path: Option<PathBuf>,
    /// Subnet of the cluster's bridge on this Docker Engine; the node's podCIDR by default.
    #[arg(long, env = "TIMONIER_BRIDGE_SUBNET", value_name = "CIDR")]
    bridge_subnet: Option<String>,
    /// This agent's part of a machine that several agents share, as INDEX/OF.
    #[arg(long, env = "TIMONIER_CAPACITY_SHARE", value_name = "INDEX/OF", default_value = "0/1", value_parser = share)]
    capacity_share: (u32, u32),
    #[command(flatten)]
    heartbeat: Heartbeat,
    /// Labels for the Node, as KEY=VALUE; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    #[command(flatten)]
    hosting: Hosting,
    #[command(flatten)]
    capacity: CapacityFlags,
    #[command(flatten)]
    tracing: timonier_telemetry::Flags,
    /// What to log, e.g. `info` or `timonier_nodeagent=debug`.
    #[arg(long, env = "TIMONIER_LOG", default_value = "info")]
    log: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum RuntimeName {
    Docker,
    Hollow,
}

fn share(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    parsed.filter(|(index, of)| index < of).ok_or_else(|| "use INDEX/OF with INDEX less than OF, e.g. 0/3".to_owned())
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or_else(|| "use KEY=VALUE".to_owned())?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timonier-nodeagent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    tracing_subscriber::EnvFilter::try_new(&arguments.log).context("--log")?;
    let _telemetry = Telemetry::start("timonier-nodeagent", &arguments.log, &arguments.tracing)?;
    // Whoever got here first chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = ConnectOptions { kubeconfig: Some(arguments.kubeconfig.clone()), ..ConnectOptions::default() };
    let client = timonier_client::connect(options).await.context("--kubeconfig")?;
    let tls = arguments.pki.as_ref().map(|pki| AgentTls {
        cert: pki.join(format!("nodes/{}.crt", arguments.node_name)),
        key: pki.join(format!("nodes/{}.key", arguments.node_name)),
        client_ca: pki.join("ca.crt"),
        client_cn: arguments.client_cn.clone(),
    });
    let config = Config {
        node_name: arguments.node_name,
        client,
        runtime: match arguments.runtime {
            RuntimeName::Docker => Runtime::Docker { host: arguments.docker_host },
            RuntimeName::Hollow => Runtime::Hollow,
        },
        address: arguments.address,
        port: arguments.port,
        tls,
        state_dir: arguments.state_dir,
        pod_manifest_path: arguments.pod_manifest_path,
        bridge_subnet: arguments.bridge_subnet,
        capacity_share: arguments.capacity_share,
        labels: arguments.labels.into_iter().collect(),
        hosting: arguments.hosting,
        capacity: arguments.capacity,
        gauge: None,
        timings: arguments.heartbeat.timings(),
    };
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        stop.cancel();
    });
    Ok(timonier_nodeagent::run(config, shutdown).await?)
}
