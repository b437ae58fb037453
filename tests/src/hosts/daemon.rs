//! containerd and dockerd of one host.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// What a host's programs are started with.
pub struct Paths<'a> {
    /// Name of the host's network namespace and cgroup.
    pub name: &'a str,
    pub dir: &'a Path,
    pub live_restore: bool,
}

impl Paths<'_> {
    fn at(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// One of its own: a machine's containerd would show this daemon the containers of others.
    pub fn containerd(&self) -> Result<Child> {
        let config = self.at("containerd.toml");
        std::fs::write(&config, "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n")?;
        let [root, state, socket] = [self.at("data/containerd"), self.at("run/containerd"), self.at("containerd.sock")];
        let args = ["--config", &config, "--root", &root, "--state", &state, "--address", &socket];
        self.spawn("containerd", &args)
    }

    pub fn dockerd(&self) -> Result<Child> {
        let [data, run, pid] = [self.at("data"), self.at("run"), self.at("docker.pid")];
        // A killed daemon leaves it behind.
        let _none = std::fs::remove_file(&pid);
        // The machine's own settings are not this host's.
        let config = self.at("daemon.json");
        std::fs::write(&config, "{}")?;
        let (containerd, socket) = (self.at("containerd.sock"), format!("unix://{}", self.at("docker.sock")));
        let group = format!("/{}", self.name);
        let live_restore = format!("--live-restore={}", self.live_restore);
        let args = ["--data-root", &data, "--exec-root", &run, "--pidfile", &pid, "--containerd", &containerd];
        let rest = ["-H", &socket, "--cgroup-parent", &group, "--exec-opt", "native.cgroupdriver=cgroupfs"];
        self.spawn("dockerd", &[&args[..], &rest[..], &[&live_restore, "--config-file", &config]].concat())
    }

    fn spawn(&self, program: &str, args: &[&str]) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.dir.join(format!("{program}.log")))?;
        let mut command = inside(self.name, program);
        command.args(args).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("cannot start {program}: apt-get install docker.io"))
    }
}

/// A command in a host's network. `ip netns exec` would hide the cgroups.
pub fn inside(name: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/var/run/netns/{name}")).arg("--").arg(program);
    command
}
