//! A real `timonier-apiserver` in a folder of its own, ended with this value.

use super::http::Target;
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Server {
    pub target: Target,
    /// From starting the process to the first good answer of `/readyz`.
    pub ready_after: Duration,
    process: Child,
    dir: TempDir,
}

impl Server {
    pub async fn start() -> Result<Server> {
        let dir = tempfile::tempdir()?;
        let pki = dir.path().join("pki");
        let made = Command::new(binary("kctl")?).args(["pki", "init"]).arg(&pki).stdout(Stdio::null()).status()?;
        anyhow::ensure!(made.success(), "kctl pki init failed");
        let tokens = std::fs::read_to_string(pki.join("tokens.csv"))?;
        let token = tokens.split(',').next().unwrap_or_default().to_string();
        let address = SocketAddr::from(([127, 0, 0, 1], TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()));
        let target = Target::new(address, &token, &pki.join("ca.crt"))?;

        let start = Instant::now();
        let process = Command::new(binary("timonier-apiserver")?)
            .args(["--bind", &address.to_string(), "--log", "warn", "--pki"])
            .arg(&pki)
            .arg("--store")
            .arg(dir.path().join("store"))
            .spawn()?;
        let mut server = Server { target, ready_after: Duration::ZERO, process, dir };
        loop {
            if let Some(status) = server.process.try_wait()? {
                bail!("timonier-apiserver ended: {status}");
            }
            if let Ok(mut connection) = server.target.connect().await
                && connection.get("/readyz").await.is_ok()
            {
                server.ready_after = start.elapsed();
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The cluster's credentials.
    pub fn pki(&self) -> PathBuf {
        self.dir.path().join("pki")
    }

    /// Resident memory of the server's process.
    pub fn memory_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kilobytes / 1024.0)
    }
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
