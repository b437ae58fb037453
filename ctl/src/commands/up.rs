//! `kctl up`: a whole cluster in one process.

use crate::error::Error;
use crate::flags::Global;
use crate::local::detach::Detached;
use crate::local::process::{Cluster, Patience};
use crate::local::settings::{RuntimeKind, Settings, Wishes};
use crate::local::state_dir::StateDir;
use crate::local::{ClusterError, ready};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Start a cluster on this machine: API server, controllers, scheduler and nodes in one process.
///
/// What a first start decides (port, nodes, runtime, store) is kept in the state folder; a later `kctl up` finds the
/// cluster as it was left, its containers still running.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:
  kctl up                                  three nodes on the local Docker Engine, in the foreground
  kctl up --detach --nodes 5               five nodes, in the background
  kctl up --runtime hollow --nodes 100     simulated nodes, no Docker needed
  kctl up --store etcd://127.0.0.1:2379/a  keep the cluster's objects in an etcd, under the name `a`
  kctl down                                stop it; containers keep running")]
pub struct Args {
    /// Folder of the cluster: credentials, store, volumes, kubeconfig
    #[arg(long, value_name = "DIR", env = "TIMONIER_STATE_DIR", default_value_os_t = StateDir::default_path())]
    pub state_dir: PathBuf,
    /// Port of the API server, 0 for any free one [default: 6443]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Address the API server listens on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub bind_address: Option<IpAddr>,
    /// Number of nodes [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=250))]
    pub nodes: Option<u32>,
    /// What the nodes run pods on [default: docker]
    #[arg(long, value_enum)]
    pub runtime: Option<RuntimeKind>,
    /// Docker Engine to use, as in DOCKER_HOST
    #[arg(long, value_name = "URL", env = "DOCKER_HOST")]
    pub docker_host: Option<String>,
    /// Where objects are kept: etcd://HOST:PORT[,HOST:PORT…]/NAME [default: the embedded store]
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Return when the cluster is ready and leave it running in the background
    #[arg(long, short = 'd')]
    pub detach: bool,
    /// How long to wait for the nodes, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub timeout: u64,
    #[command(flatten)]
    pub patience: Patience,
    /// Set by --detach for the process in the background
    #[arg(long, hide = true)]
    pub background: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let dir = StateDir::new(&args.state_dir)?;
    if args.detach {
        detached(&args, &dir, global).await?
    } else {
        foreground(&args, &dir).await?
    }
    Ok(())
}

async fn detached(args: &Args, dir: &StateDir, global: &Global) -> Result<(), ClusterError> {
    let start = Instant::now();
    let within = Duration::from_secs(args.timeout);
    // A wish that cannot be granted is refused here, before anything is started.
    Settings::resolve(Settings::load(dir)?, &args.wishes())?;
    let mut process = Detached::spawn(dir, &args.background_arguments(dir, global))?;
    let settings = process.kubeconfig_ready(dir, within).await?;
    let client = ready::admin(dir).await?;
    ready::wait(&client, &settings, dir, within, || process.still_alive(dir)).await?;
    print!("{}", ready::summary(&client, &settings, dir, start.elapsed()).await?);
    println!("process:    {}, log {}", process.pid(), dir.log().display());
    Ok(())
}

async fn foreground(args: &Args, dir: &StateDir) -> Result<(), ClusterError> {
    let start = Instant::now();
    let within = Duration::from_secs(args.timeout);
    let failed = |source| ClusterError::File { path: "signals".into(), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;

    let mut cluster = Cluster::start(dir, &args.wishes(), args.patience.clone()).await?;
    let settings = cluster.settings.clone();
    let announce = async {
        let client = ready::admin(dir).await?;
        ready::wait(&client, &settings, dir, within, || Ok(())).await?;
        ready::summary(&client, &settings, dir, start.elapsed()).await
    };
    let mut announce = std::pin::pin!(announce);
    let mut announced = false;
    let outcome = loop {
        tokio::select! {
            text = &mut announce, if !announced => {
                announced = true;
                match text {
                    Ok(text) => println!("{text}Ctrl-C stops the cluster; containers keep running."),
                    // In the foreground the cluster goes on: its log says what the nodes wait for.
                    Err(error) => eprintln!("warning: {error}"),
                }
            }
            failure = cluster.failure() => break Err(failure),
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            _ = hangup.recv() => if !args.background { break Ok(()) },
        }
    };
    cluster.stop().await;
    outcome
}

impl Args {
    fn wishes(&self) -> Wishes {
        Wishes {
            bind_address: self.bind_address,
            port: self.port,
            nodes: self.nodes,
            runtime: self.runtime,
            docker_host: self.docker_host.clone(),
            store: self.store.clone(),
        }
    }

    /// The command line of the process in the background.
    fn background_arguments(&self, dir: &StateDir, global: &Global) -> Vec<String> {
        let mut arguments = vec!["up".to_string(), "--background".into()];
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.extend([name.to_string(), value]);
            }
        };
        flag("--state-dir", Some(dir.path().display().to_string()));
        flag("--port", self.port.map(|p| p.to_string()));
        flag("--bind-address", self.bind_address.map(|a| a.to_string()));
        flag("--nodes", self.nodes.map(|n| n.to_string()));
        flag("--runtime", self.runtime.map(|r| r.to_string()));
        flag("--docker-host", self.docker_host.clone());
        flag("--store", self.store.clone());
        flag("--timeout", Some(self.timeout.to_string()));
        flag("--tracing-endpoint", global.tracing.tracing_endpoint.clone());
        arguments.extend(self.patience.nodes.arguments());
        arguments.extend(self.patience.pods.arguments());
        arguments.extend(self.patience.limits.arguments());
        arguments.extend(self.patience.retention.arguments());
        arguments.extend(self.patience.scheduler.arguments());
        arguments
    }
}
