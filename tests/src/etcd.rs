//! A real etcd of a test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::wait::eventually;

/// Ends, and its data goes, with this value.
#[derive(Debug)]
pub struct Etcd {
    endpoint: String,
    process: Child,
    dir: TempDir,
}

impl Etcd {
    /// One for tests, whose data is worth no disk syncs.
    pub async fn start() -> Result<Etcd> {
        Etcd::start_with(&["--unsafe-no-fsync"]).await
    }

    /// One as it comes: what it has acknowledged is on disk.
    pub async fn durable() -> Result<Etcd> {
        Etcd::start_with(&[]).await
    }

    async fn start_with(flags: &[&str]) -> Result<Etcd> {
        // Another process may take a port between choosing and listening: then choose again.
        for _ in 0..5 {
            if let Some(etcd) = Etcd::try_start(flags).await? {
                return Ok(etcd);
            }
        }
        bail!("etcd found no free ports, five times")
    }

    async fn try_start(flags: &[&str]) -> Result<Option<Etcd>> {
        let dir = tempfile::tempdir()?;
        let [client, peer] = [free_port()?, free_port()?].map(|port| format!("http://127.0.0.1:{port}"));
        let log = std::fs::File::create(dir.path().join("log"))?;
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .args(["--name", "test", "--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .arg(format!("--initial-cluster=test={peer}"))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start etcd: apt-get install etcd-server")?;
        let endpoint = client.trim_start_matches("http://").to_string();
        let mut etcd = Etcd { endpoint, process, dir };
        let ended = eventually("etcd listens", || {
            let ended = etcd.process.try_wait();
            let listening = std::net::TcpStream::connect(&etcd.endpoint);
            async move {
                if ended?.is_some() {
                    return Ok(true);
                }
                listening?;
                Ok(false)
            }
        })
        .await?;
        if !ended {
            return Ok(Some(etcd));
        }
        let log = std::fs::read_to_string(etcd.dir.path().join("log"))?;
        if log.contains("address already in use") { Ok(None) } else { bail!("etcd ended:\n{log}") }
    }

    /// Where its clients connect: `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The store URL of a cluster in this etcd.
    pub fn store_url(&self, cluster: &str) -> String {
        format!("etcd://{}/{cluster}", self.endpoint)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A port of 127.0.0.1 that nobody listens on now, and that no outgoing connection gets meanwhile.
pub fn free_port() -> Result<u16> {
    let mut wishes = std::iter::repeat_with(|| rand::random_range(20_000..32_000)).take(100);
    let free = wishes.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.context("a hundred ports of 127.0.0.1 are taken")
}
