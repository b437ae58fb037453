//! A real `timonier-apiserver` in a folder of its own, ended with this value.

use super::http::Target;
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use timonier_tests::etcd::free_port;

pub struct Server {
    pub target: Target,
    /// From starting the process to the first good answer of `/readyz`.
    pub ready_after: Duration,
    process: Child,
    address: SocketAddr,
    store: String,
    dir: TempDir,
}

impl Server {
    /// A server with an embedded store.
    pub async fn start() -> Result<Server> {
        Server::start_on(None).await
    }

    /// A server on the store at `url`; without one it has a store in its folder.
    pub async fn start_on(url: Option<String>) -> Result<Server> {
        let dir = tempfile::tempdir()?;
        let pki = dir.path().join("pki");
        let made = Command::new(binary("kctl")?).args(["pki", "init"]).arg(&pki).stdout(Stdio::null()).status()?;
        anyhow::ensure!(made.success(), "kctl pki init failed");
        let tokens = std::fs::read_to_string(pki.join("tokens.csv"))?;
        let token = tokens.split(',').next().unwrap_or_default().to_string();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let target = Target::new(address, &token, &pki.join("ca.crt"))?;

        let store = url.unwrap_or_else(|| dir.path().join("store").display().to_string());
        let process = spawn(address, &pki, &store)?;
        let mut server = Server { target, ready_after: Duration::ZERO, process, address, store, dir };
        server.wait().await?;
        Ok(server)
    }

    /// Ends the process as a power failure would, and starts another on what it left.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        self.process = spawn(self.address, &self.dir.path().join("pki"), &self.store)?;
        self.wait().await
    }

    async fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                bail!("timonier-apiserver ended: {status}");
            }
            if let Ok(mut connection) = self.target.connect().await
                && connection.get("/readyz").await.is_ok()
            {
                self.ready_after = start.elapsed();
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The cluster's credentials.
    pub fn pki(&self) -> PathBuf {
        self.dir.path().join("pki")
    }

    /// The folder of the embedded store.
    pub fn store(&self) -> &Path {
        Path::new(&self.store)
    }

    /// Makes sure that there is a kubeconfig of this identity that names this server, and says where.
    pub fn kubeconfig(&self, identity: &str) -> Result<PathBuf> {
        let mut command = Command::new(binary("kctl")?);
        command.args(["pki", "init"]).arg(self.pki()).args(["--server", &format!("https://{}", self.target.address)]);
        anyhow::ensure!(command.stdout(Stdio::null()).status()?.success(), "kctl pki init failed");
        Ok(self.pki().join(format!("{identity}.kubeconfig")))
    }

    /// Processor time that the server has used so far.
    pub fn cpu(&self) -> Result<Duration> {
        cpu(self.process.id())
    }

    /// Resident memory of the server's process.
    pub fn memory_mb(&self) -> Result<f64> {
        memory_mb(self.process.id())
    }
}

/// Processor time that a process has used so far.
pub fn cpu(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name, in parentheses, may hold anything; user and system time are the 12th and 13th after it.
    let fields = stat.rsplit_once(") ").context("no stat")?.1;
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>());
    let ticks: u64 = ticks.sum::<Result<u64, _>>().context("no processor time")?;
    // Linux shows programs a hundred ticks a second, whatever its own clock is.
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory of a process.
pub fn memory_mb(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kilobytes / 1024.0)
}

fn spawn(address: SocketAddr, pki: &Path, store: &str) -> Result<Child> {
    let mut command = Command::new(binary("timonier-apiserver")?);
    command.args(["--bind", &address.to_string(), "--log", "warn", "--pki"]).arg(pki).args(["--store", store]);
    Ok(command.spawn()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A binary of the same build as this bench.
pub fn binary(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().map(|dir: &Path| dir.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built; run `make bench`, which builds it"))
}

/// As many open files as this process may have; servers that it starts inherit that. Each watcher is one at either end.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it can't be raised, connecting says that there are too many open files.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
