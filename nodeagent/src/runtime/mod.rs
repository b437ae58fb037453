//! What the agent asks of whatever runs containers. Two answer: `docker` runs them, `hollow` pretends.
//!
//! A runtime knows no Kubernetes object: it is told container by container what to make, and tells what it has.

pub mod docker;
pub mod hollow;
pub mod session;
pub mod spec;
#[cfg(test)]
pub mod suite;

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
pub use session::{AttachRequest, ExecOutput, ExecRequest, Session};
pub use spec::{
    ContainerSpec, Mount, MountSource, PortMapping, Pretence, Profile, Propagation, Resources, SandboxSpec, Security,
};

use tokio::net::TcpStream;

use crate::{
    desired::keyring::Credentials,
    observed::{ObservedPod, PodIdentity},
};

#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Nobody answers: try again later, nothing is known.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    NotFound(String),
    /// It was done already, or something else is in the way.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Failed(String),
    /// It was set up in a way that waiting does not mend.
    #[error("{0}")]
    Misconfigured(String),
}

/// The machine and its runtime, for the Node's status.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    pub cpus: u32,
    pub memory_bytes: u64,
    /// Bytes of the file system that holds images and containers; 0 is unknown.
    pub disk_bytes: u64,
    pub kernel: String,
    pub os_image: String,
    pub architecture: String,
    pub operating_system: String,
    /// As in `Node.status.nodeInfo.containerRuntimeVersion`, e.g. `docker://20.10.24`.
    pub runtime_version: String,
    pub machine_id: String,
    pub app_armor: bool,
    /// Directory of images and containers; empty if it is not on this machine.
    pub data_root: String,
}

/// The node's part of the cluster's network.
#[derive(Clone, Debug)]
pub struct Network {
    /// CIDR of the bridge.
    pub subnet: String,
    /// CIDR that this node's pods take their addresses from.
    pub pod_cidr: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub size_bytes: i64,
    /// Whom its containers run as, `user[:group]` by name or number; empty is root.
    pub user: String,
}

/// An image that is wanted from its registry.
#[derive(Clone, Copy, Debug)]
pub struct PullRequest<'a> {
    pub name: &'a str,
    pub credentials: Option<&'a Credentials>,
    /// A pull that shows no progress for so long is given up.
    pub patience: Duration,
}

/// Bytes of the file system that images lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    pub capacity: u64,
    pub available: u64,
}

#[derive(Clone, Debug)]
pub struct ImageUsage {
    pub disk: Disk,
    /// Ids of the images that containers are made from, whoever they belong to.
    pub used: HashSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Term,
    Kill,
}

/// Which part of a container's log is wanted.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    pub follow: bool,
    pub tail: Option<u64>,
    pub since: Option<Timestamp>,
    pub timestamps: bool,
}

/// Something happened; look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// To the pod with this uid.
    Pod(String),
    /// Perhaps to any: the stream of changes had a gap.
    Everything,
}

/// A container, or a sandbox, that runs on this machine.
#[derive(Clone, Debug)]
pub struct Running {
    pub id: String,
    /// Of its first process, as this machine numbers it.
    pub pid: u32,
    pub pod: PodIdentity,
    /// `None`: it is the pod's sandbox.
    pub container: Option<String>,
    pub started: Timestamp,
    pub host_network: bool,
    /// The file that its output goes to.
    pub log: Option<std::path::PathBuf>,
}

/// A pod that the runtime has containers of.
#[derive(Clone, Debug)]
pub struct Found {
    pub pod: PodIdentity,
    /// How long its containers may take to end, as their spec said.
    pub grace: i64,
}

pub trait Runtime: Send + Sync + 'static {
    /// True: nothing really runs, so there is nothing to probe.
    const SIMULATED: bool;
    /// What ids begin with in a pod's status: `docker` in `docker://0123…`.
    const SCHEME: &'static str;

    fn facts(&self) -> impl Future<Output = Result<HostFacts, RuntimeError>> + Send;
    /// Whether anybody answers. Cheap.
    fn alive(&self) -> impl Future<Output = Result<(), RuntimeError>> + Send;
    /// Makes what pods need before the first sandbox. Repeating it is harmless, also while another agent does the same.
    fn prepare(&self, network: &Network) -> impl Future<Output = Result<(), RuntimeError>> + Send;
    /// Tells a runtime that forgets everything when its agent stops what the API server knows of a pod. Others look themselves.
    fn adopt(
        &self,
        _pod: &PodIdentity,
        _grace: i64,
        _pretence: Option<Pretence>,
        _observed: ObservedPod,
    ) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
    fn inventory(&self) -> impl Future<Output = Result<Vec<Found>, RuntimeError>> + Send;
    fn observe(&self, uid: &str) -> impl Future<Output = Result<ObservedPod, RuntimeError>> + Send;

    /// All that runs, for whoever measures it. A runtime whose processes are not this machine's has nothing to say.
    fn running(&self) -> impl Future<Output = Result<Vec<Running>, RuntimeError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
    /// Bytes of each container's own layer, by id. Dear.
    fn sizes(&self) -> impl Future<Output = Result<HashMap<String, u64>, RuntimeError>> + Send {
        std::future::ready(Ok(HashMap::new()))
    }

    fn create_sandbox(&self, spec: &SandboxSpec) -> impl Future<Output = Result<String, RuntimeError>> + Send;
    fn create_container(&self, spec: &ContainerSpec) -> impl Future<Output = Result<String, RuntimeError>> + Send;
    fn start(&self, id: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;
    /// Gives a container that runs other resources.
    fn update(&self, id: &str, resources: &Resources) -> impl Future<Output = Result<(), RuntimeError>> + Send;
    /// Succeeds if it runs no more.
    fn signal(&self, id: &str, signal: Signal) -> impl Future<Output = Result<(), RuntimeError>> + Send;
    /// Kills it if it runs. Succeeds if it is gone.
    fn remove(&self, id: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;
    /// Where this machine sees a memory-backed volume of a pod whose sandbox runs; `None`: it can't be seen.
    fn memory_dir(&self, uid: &str, volume: &str)
    -> impl Future<Output = Result<Option<PathBuf>, RuntimeError>> + Send;
    /// Removes what [`MountSource::Memory`] made for a pod.
    fn release_memory(&self, uid: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    fn image(&self, name: &str) -> impl Future<Output = Result<Option<Image>, RuntimeError>> + Send;
    fn pull(&self, request: &PullRequest<'_>) -> impl Future<Output = Result<Image, RuntimeError>> + Send;
    /// What images occupy; `None`: nothing that could be freed.
    fn image_usage(&self) -> impl Future<Output = Result<Option<ImageUsage>, RuntimeError>> + Send {
        std::future::ready(Ok(None))
    }
    /// Takes these names from an image; the last name takes the image along. Fails if a container is made from it,
    /// succeeds if it is gone.
    fn remove_image(&self, _id: &str, _names: &[String]) -> impl Future<Output = Result<(), RuntimeError>> + Send {
        std::future::ready(Ok(()))
    }

    fn logs(
        &self,
        id: &str,
        query: &LogQuery,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<Bytes, RuntimeError>>, RuntimeError>> + Send;
    /// Starts a process in a running container.
    fn exec(&self, id: &str, request: &ExecRequest) -> impl Future<Output = Result<Session, RuntimeError>> + Send;
    /// Runs a command in a container to its end, or kills it when `timeout` is over.
    fn exec_sync(
        &self,
        id: &str,
        command: &[String],
        timeout: Duration,
    ) -> impl Future<Output = Result<ExecOutput, RuntimeError>> + Send {
        async move {
            let request =
                ExecRequest { command: command.to_vec(), stdout: true, stderr: true, ..ExecRequest::default() };
            session::run(self.exec(id, &request).await?, timeout).await
        }
    }
    /// Joins a running container's own streams, from now on.
    fn attach(&self, id: &str, request: &AttachRequest) -> impl Future<Output = Result<Session, RuntimeError>> + Send;
    /// Connects to a port as the pod's own processes would, in the network namespace of this sandbox: at an address, or
    /// on localhost.
    fn connect(
        &self,
        sandbox: &str,
        address: Option<IpAddr>,
        port: u16,
    ) -> impl Future<Output = Result<TcpStream, RuntimeError>> + Send;
    /// Never ends; says [`Change::Everything`] whenever it may have missed something.
    fn changes(&self) -> BoxStream<'static, Change>;

    /// The address of a pod on the host's network.
    fn host_address(&self) -> IpAddr;
}
