//! One host on the switch.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail, ensure};

use super::daemon::{Paths, inside};
use super::lan::Ground;
use super::{remains, run};
use crate::command::Program;
use crate::wait::eventually;

/// How a host differs from the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Containers go on while the daemon is away.
    pub live_restore: bool,
    /// Bytes of the disk that holds images and containers; `None`: as much as this machine has.
    pub disk: Option<u64>,
}

/// A machine with a Docker Engine, to all who look at it over the network.
pub struct Host {
    name: String,
    number: u8,
    dir: PathBuf,
    options: Options,
    containerd: Mutex<Option<Child>>,
    dockerd: Mutex<Option<Child>>,
    ground: Arc<Ground>,
}

impl Host {
    pub(super) async fn start(ground: Arc<Ground>, number: u8, options: Options) -> Result<Host> {
        let name = format!("{}h{number}", ground.name);
        let dir = ground.dir.join(&name);
        std::fs::create_dir_all(dir.join("data"))?;
        let (containerd, dockerd) = (Mutex::default(), Mutex::default());
        // From here on what was begun is undone, also when it comes to nothing.
        let host = Host { name, number, dir, options, containerd, dockerd, ground };
        if let Some(bytes) = options.disk {
            let data = host.dir.join("data").display().to_string();
            run(&["mount", "-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", &data])?;
        }
        host.plug_in()?;
        host.boot().await?;
        Ok(host)
    }

    fn plug_in(&self) -> Result<()> {
        let (switch, name, port) = (self.ground.name.as_str(), self.name.as_str(), self.port());
        run(&["ip", "netns", "add", name])?;
        run(&["ip", "-n", switch, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        run(&["ip", "-n", switch, "link", "set", &port, "master", "lan", "up"])?;
        run(&["ip", "-n", name, "link", "set", "lo", "up"])?;
        run(&["ip", "-n", name, "addr", "add", &format!("{}/24", self.address()), "dev", "eth0"])?;
        run(&["ip", "-n", name, "link", "set", "eth0", "up"])?;
        run(&["ip", "-n", name, "route", "add", "default", "via", &self.ground.address(1).to_string()])?;
        Ok(())
    }

    fn port(&self) -> String {
        format!("port{}", self.number)
    }

    /// Name of its network namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> Ipv4Addr {
        self.ground.address(self.number)
    }

    /// A folder that goes with the host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// As in `DOCKER_HOST`.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.dir.join("docker.sock").display())
    }

    /// The `docker` command on this host's daemon.
    pub fn docker(&self) -> Program {
        Program::new("docker").env("DOCKER_HOST", self.docker_host())
    }

    /// A command that runs on this host: in its network, and ended with it.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        inside(&self.name, program.as_ref())
    }

    /// Brings an image over from this machine's own daemon.
    pub async fn load(&self, image: &str) -> Result<()> {
        let archive = self.dir.join("image.tar").display().to_string();
        Program::new("docker").args(["save", "--output", &archive, image]).run().await?.ok()?;
        let loaded = self.docker().args(["load", "--input", &archive]).run().await?.ok();
        std::fs::remove_file(&archive)?;
        loaded.map(drop)
    }

    /// Pulls the cable.
    pub fn cut(&self) -> Result<()> {
        run(&["ip", "-n", &self.ground.name, "link", "set", &self.port(), "down"]).map(drop)
    }

    pub fn mend(&self) -> Result<()> {
        run(&["ip", "-n", &self.ground.name, "link", "set", &self.port(), "up"]).map(drop)
    }

    /// Kill -9 for dockerd alone: containers and containerd go on.
    pub fn kill_daemon(&self) {
        end(&self.dockerd);
    }

    /// Starts dockerd again and waits until it answers.
    pub async fn start_daemon(&self) -> Result<()> {
        *lock(&self.dockerd) = Some(self.paths().dockerd()?);
        eventually("the Docker Engine answers", || async {
            let running = lock(&self.dockerd).as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
            if !running {
                // Waiting would not mend it.
                return Ok(Err(self.log("dockerd")));
            }
            self.docker().args(["version"]).run().await?.ok()?;
            Ok(Ok(()))
        })
        .await?
        .or_else(|log| bail!("dockerd ended:\n{log}"))
    }

    /// The daemon is there and says nothing.
    pub fn freeze_daemon(&self) -> Result<()> {
        self.signal_daemon("-STOP")
    }

    pub fn thaw_daemon(&self) -> Result<()> {
        self.signal_daemon("-CONT")
    }

    fn signal_daemon(&self, signal: &str) -> Result<()> {
        let pid = lock(&self.dockerd).as_ref().context("dockerd does not run")?.id();
        run(&["kill", signal, &pid.to_string()]).map(drop)
    }

    /// Everything on it ends at once: daemon, containers, and what else was started here.
    pub fn lose_power(&self) {
        remains::kill_all(&self.name);
        for process in [&self.dockerd, &self.containerd] {
            end(process);
        }
    }

    /// Starts containerd and dockerd, and waits until they answer.
    pub async fn boot(&self) -> Result<()> {
        let socket = self.dir.join("containerd.sock");
        let _none = std::fs::remove_file(&socket);
        *lock(&self.containerd) = Some(self.paths().containerd()?);
        eventually("containerd listens", || async {
            ensure!(socket.exists(), "{}", self.log("containerd"));
            Ok(())
        })
        .await?;
        self.start_daemon().await
    }

    fn paths(&self) -> Paths<'_> {
        Paths { name: &self.name, dir: &self.dir, live_restore: self.options.live_restore }
    }

    /// End of what `dockerd` or `containerd` logged.
    pub fn log(&self, program: &str) -> String {
        let log = std::fs::read_to_string(self.dir.join(format!("{program}.log"))).unwrap_or_default();
        let mut last: Vec<_> = log.lines().rev().take(30).collect();
        last.reverse();
        last.join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("=== end of dockerd's log on host {}\n{}", self.name, self.log("dockerd"));
        }
        self.lose_power();
        let mut unplug = Command::new("ip");
        let _gone =
            unplug.args(["-n", &self.ground.name, "link", "delete", &self.port()]).stderr(Stdio::null()).status();
        remains::clear_host(&self.name, &self.dir);
    }
}

fn end(process: &Mutex<Option<Child>>) {
    if let Some(mut child) = lock(process).take() {
        let _ended_already = child.kill();
        let _reaped = child.wait();
    }
}

fn lock(process: &Mutex<Option<Child>>) -> std::sync::MutexGuard<'_, Option<Child>> {
    process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
