//! What a runtime is told to make: fully resolved, nothing left to look up.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use crate::observed::PodIdentity;

#[derive(Clone, Debug, PartialEq)]
pub struct SandboxSpec {
    pub pod: PodIdentity,
    pub attempt: u32,
    pub hostname: String,
    pub host_network: bool,
    pub host_pid: bool,
    pub host_ipc: bool,
    pub ports: Vec<PortMapping>,
    /// Memory-backed volumes, which live as long as the sandbox holds them.
    pub memory_volumes: Vec<MemoryVolume>,
    /// Kernel parameters of the pod's own namespaces.
    pub sysctls: Vec<(String, String)>,
    /// Seconds that the pod's containers get to end, kept for an agent that finds them without their pod.
    pub grace: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryVolume {
    pub name: String,
    pub size_bytes: Option<i64>,
    /// Whose it is: the pod's `fsGroup`.
    pub gid: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    pub container_port: u16,
    pub host_port: u16,
    pub host_ip: IpAddr,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
}

/// How a container ends that is only pretended to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pretence {
    pub runs_for: Duration,
    pub exit_code: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ContainerSpec {
    pub pod: PodIdentity,
    pub name: String,
    pub attempt: u32,
    pub spec_hash: String,
    /// Id of the sandbox whose network and IPC it joins.
    pub sandbox: String,
    pub image: String,
    /// `None`: the image's own.
    pub command: Option<Vec<String>>,
    pub args: Option<Vec<String>>,
    pub env: Vec<(String, String)>,
    pub working_dir: Option<String>,
    pub mounts: Vec<Mount>,
    pub tty: bool,
    pub stdin: bool,
    pub stdin_once: bool,
    pub resources: Resources,
    pub security: Security,
    pub host_ipc: bool,
    pub host_pid: bool,
    pub share_process_namespace: bool,
    /// Id of the container whose processes it sees.
    pub target: Option<String>,
    /// How it ends where it is only pretended to run; None: not by itself.
    pub pretence: Option<Pretence>,
    /// The signal that asks it to end, e.g. `SIGUSR1`; `None`: the image's own.
    pub stop_signal: Option<String>,
    pub grace: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    pub source: MountSource,
    pub target: String,
    pub read_only: bool,
    pub propagation: Propagation,
}

impl Mount {
    /// A file of the host that the container may write to.
    pub fn file(path: PathBuf, target: &str) -> Mount {
        let (source, target) = (MountSource::Host(path), target.to_owned());
        Mount { source, target, read_only: false, propagation: Propagation::None }
    }
}

/// Which mounts that are made below a mount later on are seen on its other side, `volumeMounts[*].mountPropagation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    #[default]
    None,
    HostToContainer,
    Bidirectional,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MountSource {
    Host(PathBuf),
    /// A memory-backed volume of the pod, by name.
    Memory(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Relative weight; 1024 is one CPU.
    pub cpu_shares: i64,
    /// Microseconds of CPU per 100 ms; `None` is unlimited.
    pub cpu_quota: Option<i64>,
    pub memory_bytes: Option<i64>,
    pub oom_score_adj: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `uid`, `uid:gid`; `None` is the image's user.
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub privileged: bool,
    pub read_only_root: bool,
    pub no_new_privileges: bool,
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
    /// [`Profile::Local`] holds the profile itself when the runtime sees it, its file's name before.
    pub seccomp: Profile,
    pub app_armor: Profile,
    /// Parts of the SELinux label (`user`, `role`, `type`, `level`) and their values.
    pub selinux: Vec<(&'static str, String)>,
}

/// What confines a container's system calls, or its access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The runtime's own.
    #[default]
    Default,
    Unconfined,
    Local(String),
}
