//! `timonier-controllers`: the controllers and the scheduler as a process of their own.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;
use timonier_client::{ConnectOptions, connect};
use timonier_controllers::{
    Authority, Config, ElectionFlags, LeaderElection, NodeFlags, SchedulerFlags, Trust, config::NAMES, run,
};
use timonier_telemetry::Telemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// As in the API server: what is decoded all day is hundreds of small allocations an object.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Brings the cluster to what its objects ask for: deployments, replica sets, garbage collection, namespaces,
/// service accounts, node address ranges, nodes that fail, certificates of nodes, and scheduling.
#[derive(Debug, Parser)]
#[command(name = "timonier-controllers", version)]
struct Arguments {
    /// Kubeconfig of the identity system:kube-controller-manager
    #[arg(long, env = "TIMONIER_KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Kubeconfig of the identity system:kube-scheduler; without it the scheduler uses --kubeconfig
    #[arg(long, env = "TIMONIER_SCHEDULER_KUBECONFIG", value_name = "FILE")]
    scheduler_kubeconfig: Option<PathBuf>,

    /// Run only these, separated by commas
    #[arg(long, env = "TIMONIER_ONLY", value_name = "NAMES", value_delimiter = ',',
        help = format!("Run only these, separated by commas: {}", NAMES.join(", ")))]
    only: Option<Vec<String>>,

    /// Directory with the CA and its key, as `kctl pki init` makes it; with it, certificates of nodes are signed
    #[arg(long, env = "TIMONIER_PKI", value_name = "DIR")]
    pki: Option<PathBuf>,

    #[command(flatten)]
    election: ElectionFlags,

    /// IPv4 range of all pods; each node gets a /24 of it
    #[arg(long, env = "TIMONIER_CLUSTER_CIDR", value_name = "RANGE", default_value = "10.244.0.0/16")]
    cluster_cidr: String,

    #[command(flatten)]
    nodes: NodeFlags,

    #[command(flatten)]
    scheduler: SchedulerFlags,

    /// Serve /metrics and /healthz here, in plain text; by default nowhere
    #[arg(long, env = "TIMONIER_METRICS_BIND", value_name = "ADDRESS:PORT")]
    metrics_bind: Option<std::net::SocketAddr>,

    #[command(flatten)]
    tracing: timonier_telemetry::Flags,

    /// What to log: error, warn, info, debug, trace, or module=level pairs
    #[arg(long, env = "TIMONIER_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
}

fn main() -> ExitCode {
    // Huge pages would make resident what is hardly used. Where this can't be said it only costs memory.
    let _said = rustix::thread::disable_transparent_huge_pages(true);
    let arguments = Arguments::parse();
    if let Err(error) = EnvFilter::try_new(&arguments.log) {
        eprintln!("timonier-controllers: --log {:?}: {error}", arguments.log);
        return ExitCode::from(2);
    }
    let _telemetry = match Telemetry::start("timonier-controllers", &arguments.log, &arguments.tracing) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("timonier-controllers: {error}");
            return ExitCode::from(2);
        }
    };
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timonier-controllers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let profiles = arguments.scheduler.profiles()?;
    let client =
        |kubeconfig: Option<PathBuf>| connect(ConnectOptions { kubeconfig, multiplexed: true, ..Default::default() });
    let options = ConnectOptions { kubeconfig: arguments.kubeconfig.clone(), ..Default::default() };
    let connection = timonier_client::connect::resolve(&options).await.context("--kubeconfig")?.config;
    let authority = arguments.pki.as_deref().map(Authority::open).transpose().context("--pki")?.map(Arc::new);
    let trust = Trust::of(&connection, authority);
    let controllers = client(arguments.kubeconfig).await.context("--kubeconfig")?;
    let scheduler = match arguments.scheduler_kubeconfig {
        Some(file) => client(Some(file)).await.context("--scheduler-kubeconfig")?,
        None => controllers.clone(),
    };
    let lease = arguments.election.lease().map_err(anyhow::Error::msg)?;
    let leader_election = lease.map(|lease| LeaderElection {
        lease,
        identity: format!("{}_{}_{:08x}", host_name(), std::process::id(), rand::random::<u32>()),
    });
    if let Some(address) = arguments.metrics_bind {
        let serving = timonier_telemetry::serve(address).await;
        tokio::spawn(serving.with_context(|| format!("--metrics-bind {address}"))?);
    }
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let config = Config {
        controllers,
        scheduler,
        only: arguments.only,
        leader_election,
        cluster_cidr: arguments.cluster_cidr,
        nodes: arguments.nodes,
        profiles,
        trust,
    };
    Ok(run(config, shutdown).await?)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".into() } else { name.into() }
}

/// SIGTERM and SIGINT let running steps end and release the lead.
fn stop_on_signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    Ok(())
}
