//! Containers on a Docker Engine, 20.10 (API 1.41) or newer.
//!
//! Everything that is made carries the labels of `labels`; everything that is looked up is filtered by cluster and
//! node, so that several agents share one daemon and strangers' containers are never touched.

mod attach;
mod confinement;
mod connect;
mod convert;
mod create;
mod demultiplex;
mod digests;
mod events;
mod exec;
mod hijack;
mod images;
mod known;
mod logs;
mod measure;
mod namespace;
mod network;
mod process;
mod purge;
mod sandbox_image;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bollard::{
    Docker,
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
        ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
        StartContainerOptions,
    },
};
use bytes::Bytes;
use futures::{StreamExt, future, stream::BoxStream};
use parking_lot::Mutex;
pub use purge::purge;
use tokio::{net::TcpStream, sync::Semaphore};

use super::{
    AttachRequest, Change, ContainerSpec, ExecRequest, Found, HostFacts, Image, ImageUsage, LogQuery, Network,
    PullRequest, Resources, Running, Runtime, RuntimeError, SandboxSpec, Session, Signal,
};
use crate::{
    addresses::Addresses,
    error::Error,
    labels,
    observed::{ObservedPod, PodIdentity, State},
    stats::FileSystem,
};

/// A daemon starts containers no faster when more than these are asked for at once, and answers others slower.
const STARTS_AT_ONCE: usize = 16;

/// Whether a Docker Engine answers; `host` as in `DOCKER_HOST`.
pub async fn check(host: Option<&str>) -> Result<(), Error> {
    connect::connect(&connect::Host::parse(host)?).await.map(drop)
}

/// The Docker Engine that is meant, in the form of `DOCKER_HOST`.
pub fn host(host: Option<&str>) -> Result<String, Error> {
    Ok(connect::Host::parse(host)?.to_string())
}
/// A daemon that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct DockerRuntime {
    docker: Docker,
    host: connect::Host,
    cluster: String,
    node: String,
    address: IpAddr,
    addresses: Mutex<Option<Addresses>>,
    starts: Semaphore,
    known: Arc<known::Known>,
    seen: measure::Seen,
    digests: digests::Digests,
}

impl DockerRuntime {
    /// `host` as in `DOCKER_HOST`; `address` is the node's.
    pub async fn connect(host: Option<&str>, cluster: &str, node: &str, address: IpAddr) -> Result<Self, Error> {
        let host = connect::Host::parse(host)?;
        let docker = connect::connect(&host).await?;
        Ok(DockerRuntime {
            docker,
            host,
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            address,
            addresses: Mutex::new(None),
            starts: Semaphore::new(STARTS_AT_ONCE),
            known: Arc::default(),
            seen: measure::Seen::default(),
            digests: digests::Digests::default(),
        })
    }

    /// `key=value` filters that only this node's own match.
    fn own(&self) -> Vec<String> {
        vec![format!("{}={}", labels::CLUSTER, self.cluster), format!("{}={}", labels::NODE, self.node)]
    }

    fn own_with(&self, pod_uid: &str) -> HashMap<String, Vec<String>> {
        let mut filters = self.own();
        filters.push(format!("{}={pod_uid}", labels::POD_UID));
        HashMap::from([("label".to_owned(), filters)])
    }

    async fn list(
        &self,
        filters: HashMap<String, Vec<String>>,
    ) -> Result<Vec<bollard::models::ContainerSummary>, RuntimeError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        self.docker.list_containers(Some(options)).await.map_err(convert::error)
    }

    async fn inspect(&self, uid: &str, ids: Vec<String>) -> Result<ObservedPod, RuntimeError> {
        let inspections = ids.iter().map(|id| self.docker.inspect_container(id, None::<InspectContainerOptions>));
        let mut pod = ObservedPod::default();
        for (answer, id) in future::join_all(inspections).await.into_iter().zip(&ids) {
            match answer {
                Ok(inspected) => convert::add(&mut pod, inspected),
                // Removed between the list and now.
                Err(error) if convert::is_missing(&error) => self.known.gone(uid, id),
                Err(error) => return Err(convert::error(error)),
            }
        }
        pod.sort();
        Ok(pod)
    }

    /// Takes over the addresses of sandboxes that are there already.
    async fn adopt_addresses(&self, mut addresses: Addresses) -> Result<(), RuntimeError> {
        let found = self.list(HashMap::from([("label".to_owned(), self.own())])).await?;
        let sandboxes = found.into_iter().filter_map(|summary| {
            let labels = summary.labels?;
            let is_sandbox = !labels.contains_key(labels::SANDBOX_ID);
            is_sandbox.then_some((summary.id?, convert::label(&labels, labels::POD_UID)))
        });
        let (ids, uids): (Vec<_>, Vec<_>) = sandboxes.unzip();
        for (id, uid) in ids.into_iter().zip(uids) {
            for sandbox in self.inspect(&uid, vec![id]).await?.sandboxes {
                if let (Some(ip), State::Running { .. } | State::Created) = (sandbox.ip, &sandbox.state) {
                    addresses.adopt(ip, &uid);
                }
            }
        }
        *self.addresses.lock() = Some(addresses);
        Ok(())
    }

    fn take_address(&self, pod: &PodIdentity) -> Result<IpAddr, RuntimeError> {
        let mut addresses = self.addresses.lock();
        let addresses =
            addresses.as_mut().ok_or_else(|| RuntimeError::Unavailable("the node has no podCIDR yet".to_owned()))?;
        addresses.take(&pod.uid).map_err(|error| RuntimeError::Failed(error.to_string()))
    }

    fn release_address(&self, address: Option<IpAddr>, pod_uid: &str) {
        if let (Some(addresses), Some(address)) = (self.addresses.lock().as_mut(), address) {
            addresses.release(address, pod_uid);
        }
    }
}

impl Runtime for DockerRuntime {
    const SIMULATED: bool = false;
    const SCHEME: &'static str = "docker";

    async fn facts(&self) -> Result<HostFacts, RuntimeError> {
        let info = self.docker.info().await.map_err(convert::error)?;
        let disk = info.docker_root_dir.as_deref().and_then(|path| FileSystem::of(Path::new(path)));
        let architecture = match info.architecture.as_deref().unwrap_or_default() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(HostFacts {
            cpus: info.ncpu.unwrap_or(1).max(1) as u32,
            memory_bytes: info.mem_total.unwrap_or(0).max(0) as u64,
            disk_bytes: disk.map_or(0, |disk| disk.capacity),
            kernel: info.kernel_version.unwrap_or_default(),
            os_image: info.operating_system.unwrap_or_default(),
            architecture: architecture.to_owned(),
            operating_system: info.os_type.unwrap_or_else(|| "linux".to_owned()),
            runtime_version: format!("docker://{}", info.server_version.unwrap_or_default()),
            machine_id: info.id.unwrap_or_default(),
            app_armor: info.security_options.iter().flatten().any(|option| option.starts_with("name=apparmor")),
            data_root: match self.host {
                connect::Host::Unix(_) => info.docker_root_dir.unwrap_or_default(),
                connect::Host::Tcp(_) => String::new(),
            },
        })
    }

    async fn alive(&self) -> Result<(), RuntimeError> {
        match tokio::time::timeout(PATIENCE, self.docker.ping()).await {
            Ok(answer) => answer.map(drop).map_err(convert::error),
            Err(_) => Err(RuntimeError::Unavailable(format!("no answer within {} seconds", PATIENCE.as_secs()))),
        }
    }

    async fn prepare(&self, network: &Network) -> Result<(), RuntimeError> {
        let addresses = Addresses::new(&network.pod_cidr).map_err(|error| RuntimeError::Failed(error.to_string()))?;
        sandbox_image::ensure(&self.docker).await?;
        network::ensure(&self.docker, &self.cluster, &self.node, network).await?;
        self.adopt_addresses(addresses).await
    }

    async fn inventory(&self) -> Result<Vec<Found>, RuntimeError> {
        let mut found: HashMap<String, Found> = HashMap::new();
        for summary in self.list(HashMap::from([("label".to_owned(), self.own())])).await? {
            let labels = summary.labels.unwrap_or_default();
            let uid = convert::label(&labels, labels::POD_UID);
            let pod = PodIdentity {
                uid: uid.clone(),
                name: convert::label(&labels, labels::POD_NAME),
                namespace: convert::label(&labels, labels::POD_NAMESPACE),
            };
            let grace = labels.get(labels::GRACE).and_then(|grace| grace.parse().ok()).unwrap_or(30);
            found.insert(uid, Found { pod, grace });
        }
        Ok(found.into_values().collect())
    }

    async fn observe(&self, uid: &str) -> Result<ObservedPod, RuntimeError> {
        let ids = match self.known.ids(uid) {
            Ok(ids) => ids,
            Err(asked_at) => {
                let listed = self.list(self.own_with(uid)).await?;
                let ids: Vec<_> = listed.into_iter().filter_map(|summary| summary.id).collect();
                self.known.listed(uid, &ids, asked_at);
                ids
            }
        };
        let mut pod = self.inspect(uid, ids).await?;
        self.digests.complete(&self.docker, &mut pod).await;
        Ok(pod)
    }

    async fn running(&self) -> Result<Vec<Running>, RuntimeError> {
        self.all_running().await
    }

    async fn sizes(&self) -> Result<HashMap<String, u64>, RuntimeError> {
        self.layer_sizes().await
    }

    async fn create_sandbox(&self, spec: &SandboxSpec) -> Result<String, RuntimeError> {
        for volume in &spec.memory_volumes {
            let request = create::memory_volume(volume, &self.cluster, &self.node, &spec.pod);
            self.docker.create_volume(request).await.map_err(convert::error)?;
        }
        let address = if spec.host_network { None } else { Some(self.take_address(&spec.pod)?) };
        let body = create::sandbox(spec, &self.cluster, &self.node, address);
        let name = labels::container_name(labels::SANDBOX, &spec.pod, spec.attempt);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let _turn = self.starts.acquire().await;
        match self.docker.create_container(Some(options), body).await {
            Ok(created) => {
                self.known.made(&spec.pod.uid, &created.id);
                Ok(created.id)
            }
            Err(error) => {
                self.release_address(address, &spec.pod.uid);
                Err(convert::error(error))
            }
        }
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String, RuntimeError> {
        let name = labels::container_name(&spec.name, &spec.pod, spec.attempt);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let body = create::container(spec, &self.cluster, &self.node);
        let _turn = self.starts.acquire().await;
        let created = self.docker.create_container(Some(options), body).await.map_err(convert::error)?;
        self.known.made(&spec.pod.uid, &created.id);
        Ok(created.id)
    }

    async fn start(&self, id: &str) -> Result<(), RuntimeError> {
        let _turn = self.starts.acquire().await;
        self.docker.start_container(id, None::<StartContainerOptions>).await.map_err(convert::error)
    }

    async fn update(&self, id: &str, resources: &Resources) -> Result<(), RuntimeError> {
        self.docker.update_container(id, create::update(resources)).await.map_err(convert::error)
    }

    async fn signal(&self, id: &str, signal: Signal) -> Result<(), RuntimeError> {
        let name = match signal {
            // The image may ask for another signal to stop by.
            Signal::Term => {
                let inspected = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
                let asked = inspected.ok().and_then(|container| container.config?.stop_signal);
                asked.filter(|name| !name.is_empty()).unwrap_or_else(|| "SIGTERM".to_owned())
            }
            Signal::Kill => "SIGKILL".to_owned(),
        };
        let options = KillContainerOptionsBuilder::new().signal(&name).build();
        match self.docker.kill_container(id, Some(options)).await.map_err(convert::error) {
            Err(RuntimeError::Conflict(_) | RuntimeError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    async fn remove(&self, id: &str) -> Result<(), RuntimeError> {
        let before = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.docker.remove_container(id, Some(options)).await.map_err(convert::error) {
            Ok(()) | Err(RuntimeError::NotFound(_)) => {
                if let Ok(inspected) = before {
                    let labels = inspected.config.clone().and_then(|config| config.labels).unwrap_or_default();
                    let uid = convert::label(&labels, labels::POD_UID);
                    let mut pod = ObservedPod::default();
                    convert::add(&mut pod, inspected);
                    for sandbox in pod.sandboxes {
                        self.release_address(sandbox.ip, &uid);
                    }
                }
                Ok(())
            }
            // Somebody removes it already.
            Err(RuntimeError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn memory_dir(&self, uid: &str, volume: &str) -> Result<Option<PathBuf>, RuntimeError> {
        let name = labels::volume_name(volume, uid);
        let found = self.docker.inspect_volume(&name).await.map_err(convert::error)?;
        let dir = PathBuf::from(found.mountpoint);
        // A daemon of another machine, or of another mount namespace, shows nothing, or an empty directory.
        let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
        let is_mounted = dir.parent().is_some_and(|above| device(above).is_some() && device(above) != device(&dir));
        Ok(is_mounted.then_some(dir))
    }

    async fn release_memory(&self, uid: &str) -> Result<(), RuntimeError> {
        self.known.forget(uid);
        let options = ListVolumesOptionsBuilder::new().filters(&self.own_with(uid)).build();
        let volumes = self.docker.list_volumes(Some(options)).await.map_err(convert::error)?.volumes;
        for volume in volumes.unwrap_or_default() {
            match self.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await {
                Err(error) if !convert::is_missing(&error) => return Err(convert::error(error)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn image(&self, name: &str) -> Result<Option<Image>, RuntimeError> {
        match self.docker.inspect_image(name).await {
            Ok(image) => Ok(Some(Image {
                id: image.id.unwrap_or_default(),
                size_bytes: image.size.unwrap_or(0),
                user: image.config.and_then(|config| config.user).unwrap_or_default(),
            })),
            Err(error) if convert::is_missing(&error) => Ok(None),
            Err(error) => Err(convert::error(error)),
        }
    }

    async fn pull(&self, request: &PullRequest<'_>) -> Result<Image, RuntimeError> {
        images::pull(&self.docker, request).await?;
        let name = request.name;
        self.image(name).await?.ok_or_else(|| RuntimeError::Failed(format!("{name} was pulled but is not there")))
    }

    async fn image_usage(&self) -> Result<Option<ImageUsage>, RuntimeError> {
        images::usage(&self.docker).await
    }

    async fn remove_image(&self, id: &str, names: &[String]) -> Result<(), RuntimeError> {
        images::remove(&self.docker, id, names).await
    }

    async fn logs(
        &self,
        id: &str,
        query: &LogQuery,
    ) -> Result<BoxStream<'static, Result<Bytes, RuntimeError>>, RuntimeError> {
        Ok(logs::stream(&self.docker, id, query).boxed())
    }

    async fn exec(&self, id: &str, request: &ExecRequest) -> Result<Session, RuntimeError> {
        exec::exec(&self.docker, &self.host, id, request).await
    }

    async fn attach(&self, id: &str, request: &AttachRequest) -> Result<Session, RuntimeError> {
        attach::attach(&self.docker, &self.host, id, request).await
    }

    async fn connect(&self, sandbox: &str, address: Option<IpAddr>, port: u16) -> Result<TcpStream, RuntimeError> {
        namespace::connect(&self.docker, sandbox, address, port).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        let known = self.known.clone();
        let changes = events::stream(self.docker.clone(), self.own());
        let doubt = move |change: &Change| {
            if *change == Change::Everything {
                known.doubt();
            }
        };
        changes.inspect(doubt).boxed()
    }

    fn host_address(&self) -> IpAddr {
        self.address
    }
}
