//! The cluster's parts as separate processes on shared credentials: API servers on one etcd, controllers, agents.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use kube::Client;
use tempfile::TempDir;

use crate::binaries::binary;
use crate::cluster::{Settings, Store, cluster_id, connect_once, remove_leftovers};
use crate::command::Program;
use crate::etcd::{Etcd, free_port};
use crate::hosts::Host;
use crate::wait::eventually;

/// One program that runs until this value is dropped; what it logs goes to a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    command: Command,
    child: Option<Child>,
    log: PathBuf,
}

impl Process {
    pub fn start(name: &str, program: &str, log_dir: &Path, args: &[&str]) -> Result<Process> {
        Process::start_with(name, program, log_dir, args, &[])
    }

    /// The same with settings as environment variables.
    pub fn start_with(name: &str, program: &str, log_dir: &Path, args: &[&str], settings: Settings) -> Result<Process> {
        let mut command = Command::new(binary(program)?);
        // How full this machine is must not matter.
        command.args(args).env("TIMONIER_EVICTION_HARD", "").envs(settings.iter().copied());
        Process::launch(name, command, log_dir)
    }

    /// The same for a command that is more than a program, such as one on another host.
    pub fn launch(name: &str, mut command: Command, log_dir: &Path) -> Result<Process> {
        let log = log_dir.join(format!("{name}.log"));
        command.stdin(Stdio::null());
        let mut process = Process { name: name.into(), command, child: None, log };
        process.again()?;
        Ok(process)
    }

    /// Starts it again as it was started.
    pub fn again(&mut self) -> Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        self.command.stdout(log.try_clone()?).stderr(log);
        self.child = Some(self.command.spawn().with_context(|| format!("cannot start {}", self.name))?);
        Ok(())
    }

    /// Kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended_already = child.kill();
            let _reaped = child.wait();
        }
    }

    /// Ends it as a service manager would, and waits for its end.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            Command::new("/bin/kill").arg(child.id().to_string()).status()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid().with_context(|| format!("{} does not run", self.name))?;
        let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status()?;
        anyhow::ensure!(sent.success(), "cannot send {name} to {}", self.name);
        Ok(())
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("=== end of the log of {}", self.name);
            let log = self.log();
            log.lines().rev().take(60).collect::<Vec<_>>().iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Folder, credentials and store that the processes of one cluster share.
#[derive(Debug)]
pub struct Ground {
    etcd: Option<Etcd>,
    dir: TempDir,
    /// Where API servers listen.
    address: IpAddr,
    /// Addresses of all pods, a /16 that no route of this machine leads into.
    pod_network: String,
    /// Where the processes send their traces.
    traces: Option<String>,
    /// The cluster whose containers and network are removed in the end.
    id: Option<String>,
}

impl Ground {
    pub async fn new(store: Store) -> Result<Ground> {
        Ground::at(store, Ipv4Addr::LOCALHOST).await
    }

    /// With API servers on another of this machine's addresses: that which hosts reach it under.
    pub async fn at(store: Store, address: Ipv4Addr) -> Result<Ground> {
        let etcd = match store {
            Store::Embedded => None,
            Store::Etcd => Some(Etcd::start().await?),
        };
        let dir = tempfile::Builder::new().prefix("timonier-test-").tempdir()?;
        Ok(Ground { etcd, dir, address: address.into(), pod_network: free_pod_network()?, traces: None, id: None })
    }

    /// From now on processes send their traces there.
    pub fn trace_to(&mut self, endpoint: &str) {
        self.traces = Some(endpoint.into());
    }

    fn start(&self, name: &str, program: &str, args: &[&str]) -> Result<Process> {
        self.start_with(name, program, args, &[])
    }

    /// The same with settings as environment variables.
    fn start_with(&self, name: &str, program: &str, args: &[&str], settings: Settings) -> Result<Process> {
        let traces: Vec<_> = self.traces.iter().flat_map(|endpoint| ["--tracing-endpoint", endpoint]).collect();
        Process::start_with(name, program, self.dir.path(), &[args, &traces].concat(), settings)
    }

    pub fn pki(&self) -> PathBuf {
        self.dir.path().join("pki")
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// `host:port` of the ground's etcd.
    pub fn etcd(&self) -> Option<&str> {
        self.etcd.as_ref().map(Etcd::endpoint)
    }

    fn store_url(&self) -> String {
        self.etcd.as_ref().map_or_else(|| self.path("store"), |etcd| etcd.store_url("test"))
    }

    /// Runs `kctl` to its end.
    pub async fn kctl(&self, args: &[&str]) -> Result<String> {
        Program::new(binary("kctl")?).env("HOME", self.dir.path()).args(args).run().await?.ok()
    }

    /// An API server on a port of its own. The first one makes the credentials.
    pub async fn api_server(&mut self, name: &str) -> Result<ApiServer> {
        self.api_server_on(name, &self.store_url(), &[]).await
    }

    /// The same on this store, with settings as environment variables.
    pub async fn api_server_on(&mut self, name: &str, store: &str, settings: Settings) -> Result<ApiServer> {
        let url = format!("https://{}:{}", self.address, free_port()?);
        self.start_api_server(name, url, store, settings).await
    }

    /// An API server on this store, under an address that clients know already.
    pub async fn api_server_at(&mut self, name: &str, url: String, store: &str) -> Result<ApiServer> {
        self.start_api_server(name, url, store, &[]).await
    }

    async fn start_api_server(
        &mut self,
        name: &str,
        url: String,
        store: &str,
        settings: Settings,
    ) -> Result<ApiServer> {
        let (address, pki) = (self.address.to_string(), self.pki().display().to_string());
        if !self.pki().exists() {
            self.kctl(&["pki", "init", &pki, "--server", &url, "--name", &address]).await?;
        }
        let args = ["--bind", url.trim_start_matches("https://"), "--pki", &pki, "--store", store];
        let process = self.start_with(name, "timonier-apiserver", &args, settings)?;
        let mut server = ApiServer { process, url, ground: self.dir.path().into() };
        let client = server.ready().await?;
        self.id = Some(cluster_id(&client).await?);
        Ok(server)
    }

    /// Controllers and scheduler, one of any number of replicas.
    pub fn controllers(&self, name: &str, server: &ApiServer) -> Result<Process> {
        self.controllers_with(name, server, &[])
    }

    /// The same with further flags.
    pub fn controllers_with(&self, name: &str, server: &ApiServer, more: &[&str]) -> Result<Process> {
        let [all, scheduler] = ["controller-manager", "scheduler"].map(|identity| server.kubeconfig(identity));
        let (all, scheduler) = (all?, scheduler?);
        let args = ["--leader-elect", "--kubeconfig", &all, "--scheduler-kubeconfig", &scheduler];
        let args = [&args[..], &["--cluster-cidr", &self.pod_network], more].concat();
        self.start(name, "timonier-controllers", &args)
    }

    /// A node's agent on the local Docker Engine, which it shares with the cluster's others.
    pub async fn agent(&self, name: &str, address: &str, server: &ApiServer) -> Result<Process> {
        self.agent_with(name, address, server, &[]).await
    }

    /// The same with further flags.
    pub async fn agent_with(&self, name: &str, address: &str, server: &ApiServer, more: &[&str]) -> Result<Process> {
        let pki = self.pki().display().to_string();
        self.kctl(&["pki", "node", &pki, name, "--address", address, "--server", &server.url]).await?;
        let kubeconfig = server.kubeconfig(&format!("nodes/{name}"))?;
        let state = self.path(&format!("state-{name}"));
        let args = ["--kubeconfig", &kubeconfig, "--node-name", name, "--address", address, "--pki", &pki];
        let args = [&args[..], &["--state-dir", &state, "--bridge-subnet", &self.pod_network], more].concat();
        self.start(name, "timonier-nodeagent", &args)
    }

    /// The agent of a node that is a host of its own. `more`: further flags.
    pub async fn agent_on(&self, host: &Host, name: &str, server: &ApiServer, more: &[&str]) -> Result<Process> {
        let (address, pki) = (host.address().to_string(), self.pki().display().to_string());
        self.kctl(&["pki", "node", &pki, name, "--address", &address, "--server", &server.url]).await?;
        let kubeconfig = server.kubeconfig(&format!("nodes/{name}"))?;
        let (state, docker) = (host.dir().join("agent").display().to_string(), host.docker_host());
        let mut command = host.command(binary("timonier-nodeagent")?);
        command.args(["--kubeconfig", &kubeconfig, "--node-name", name, "--address", &address, "--pki", &pki]);
        command.args(["--state-dir", &state, "--docker-host", &docker]).args(more);
        command.env("TIMONIER_EVICTION_HARD", "");
        Process::launch(name, command, self.dir.path())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let Some(id) = &self.id else { return };
        remove_leftovers(id);
        let network = format!("timonier-{}", id.get(..8).unwrap_or(id));
        let _none = Command::new("docker").args(["network", "rm", &network]).output();
    }
}

/// Some 10.x.0.0/16 without a route.
fn free_pod_network() -> Result<String> {
    // Little endian and hexadecimal: 10.7.1.0 stands there as 0001070A.
    let routes = std::fs::read_to_string("/proc/net/route")?;
    let taken = |x: &u8| {
        routes.lines().filter_map(|line| line.split('\t').nth(1)).any(|to| to.ends_with(&format!("{x:02X}0A")))
    };
    let first: u8 = rand::random();
    let x = (0..=255).map(|step| first.wrapping_add(step)).find(|x| !taken(x));
    Ok(format!("10.{}.0.0/16", x.context("every 10.x.0.0/16 has a route already")?))
}

/// A running `timonier-apiserver`.
#[derive(Debug)]
pub struct ApiServer {
    pub process: Process,
    pub url: String,
    ground: PathBuf,
}

impl ApiServer {
    /// A kubeconfig of this identity that points at this server.
    pub fn kubeconfig(&self, identity: &str) -> Result<String> {
        self.kubeconfig_through(identity, &self.url)
    }

    /// One that points at another way to this server.
    fn kubeconfig_through(&self, identity: &str, url: &str) -> Result<String> {
        let made = self.ground.join(format!("pki/{identity}.kubeconfig"));
        let text = std::fs::read_to_string(&made).with_context(|| format!("{}", made.display()))?;
        let pointed: Vec<_> = text
            .lines()
            .map(|line| match line.split_once("server: ") {
                Some((before, _)) => format!("{before}server: {url}"),
                None => line.to_string(),
            })
            .collect();
        let port = url.rsplit(':').next().unwrap_or_default();
        let path = made.with_extension(format!("{port}.kubeconfig"));
        std::fs::write(&path, pointed.join("\n"))?;
        Ok(path.display().to_string())
    }

    pub async fn client(&self) -> Result<Client> {
        connect_once(Path::new(&self.kubeconfig("admin")?)).await
    }

    /// A client that reaches this server through a proxy at `address` (`host:port`).
    pub async fn client_through(&self, address: &str) -> Result<Client> {
        connect_once(Path::new(&self.kubeconfig_through("admin", &format!("https://{address}"))?)).await
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("https://")
    }

    /// Waits until it answers.
    pub async fn ready(&mut self) -> Result<Client> {
        let client = self.client().await?;
        let ready = eventually("the API server is ready", || {
            let running = self.process.is_running();
            let client = client.clone();
            async move {
                if !running {
                    return Ok(false);
                }
                let request = http::Request::get("/readyz").body(Vec::new())?;
                client.request_text(request).await?;
                Ok(true)
            }
        })
        .await?;
        anyhow::ensure!(ready, "{} ended:\n{}", self.process.name, self.process.log());
        Ok(client)
    }
}
