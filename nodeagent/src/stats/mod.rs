//! What the node, its pods and their containers use: read from the kernel when somebody asks.

mod cgroup;
mod machine;
mod metrics;
mod summary;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use cgroup::Group;
pub use cgroup::{Counters, Memory};
use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
pub use machine::{FileSystem, Interface};
pub use metrics::metrics;
use parking_lot::Mutex;
pub use summary::summary;

use crate::{
    eviction::{Gauge, Observation, Observations, Signal},
    observed::PodIdentity,
    runtime::{Running, Runtime, RuntimeError},
    volumes,
};

/// How old a look at the disk may be: such looks are dear.
const DISK_LOOK: Duration = Duration::from_secs(30);
/// Two counts of CPU time nearer to each other make no rate.
const SHORTEST: SignedNanos = 100_000_000;
type SignedNanos = i128;

/// One container's figures of one moment.
#[derive(Clone, Debug)]
pub struct ContainerStats {
    pub name: String,
    pub started: Timestamp,
    pub at: Timestamp,
    pub counters: Counters,
    /// Nanoseconds of CPU time in a second, since the last look. `None`: this is the first.
    pub cpu_rate: Option<u64>,
    /// Bytes of its own layer, and of its log.
    pub root_bytes: u64,
    pub log_bytes: u64,
}

/// One pod's figures. `containers`: those that run.
#[derive(Clone, Debug)]
pub struct PodStats {
    pub pod: PodIdentity,
    pub started: Timestamp,
    pub at: Timestamp,
    pub containers: Vec<ContainerStats>,
    /// Of the sandbox itself.
    pub sandbox: Counters,
    pub network: Vec<Interface>,
    /// Name, bytes and files of each volume that lies on the node's disk.
    pub volumes: Vec<(String, u64, u64)>,
}

impl PodStats {
    fn all(&self) -> impl Iterator<Item = &Counters> {
        self.containers.iter().map(|container| &container.counters).chain([&self.sandbox])
    }

    /// Nanoseconds of CPU time.
    pub fn cpu(&self) -> u64 {
        self.all().filter_map(|counters| counters.cpu).sum()
    }

    pub fn cpu_rate(&self) -> Option<u64> {
        self.containers.iter().map(|container| container.cpu_rate).sum()
    }

    pub fn memory(&self) -> Memory {
        self.all().filter_map(|counters| counters.memory).fold(Memory::default(), |sum, one| Memory {
            usage: sum.usage + one.usage,
            working_set: sum.working_set + one.working_set,
            rss: sum.rss + one.rss,
            page_faults: sum.page_faults + one.page_faults,
            major_page_faults: sum.major_page_faults + one.major_page_faults,
        })
    }

    pub fn processes(&self) -> u64 {
        self.all().filter_map(|counters| counters.processes).sum()
    }

    /// Bytes of layers, logs and volumes.
    pub fn disk(&self) -> u64 {
        let volumes: u64 = self.volumes.iter().map(|(_, bytes, _)| bytes).sum();
        let containers = self.containers.iter().map(|container| container.root_bytes + container.log_bytes);
        containers.sum::<u64>() + volumes
    }

    pub fn inodes(&self) -> u64 {
        self.volumes.iter().map(|(_, _, files)| files).sum()
    }
}

/// The whole node's figures.
#[derive(Clone, Debug)]
pub struct NodeStats {
    pub at: Timestamp,
    pub cpu: Option<u64>,
    pub cpu_rate: Option<u64>,
    /// Total bytes, and what is used.
    pub memory: Option<(u64, Memory)>,
    pub network: Vec<Interface>,
    /// The file system with the agent's volumes, and the one with images and containers.
    pub node_fs: Option<FileSystem>,
    pub image_fs: Option<FileSystem>,
    pub processes: Option<(u64, u64)>,
}

/// Where figures are read.
pub struct Stats<R> {
    runtime: Arc<R>,
    state_dir: PathBuf,
    /// Where images and containers lie.
    data_root: PathBuf,
    /// Bytes of memory that are for pods.
    memory_for_pods: i64,
    /// By the runtime's id; the node's own under "".
    last: Mutex<HashMap<String, (Timestamp, u64)>>,
    groups: Mutex<HashMap<u32, Group>>,
    sizes: tokio::sync::Mutex<Option<(Instant, HashMap<String, u64>)>>,
}

impl<R: Runtime> Stats<R> {
    pub fn new(runtime: Arc<R>, state_dir: PathBuf, data_root: PathBuf, memory_for_pods: i64) -> Self {
        let (last, groups, sizes) = Default::default();
        Stats { runtime, state_dir, data_root, memory_for_pods, last, groups, sizes }
    }

    pub fn node(&self) -> NodeStats {
        let (at, cpu) = (Timestamp::now(), machine::cpu());
        NodeStats {
            at,
            cpu,
            cpu_rate: cpu.and_then(|cpu| self.rate("", at, cpu)),
            memory: machine::memory(),
            network: machine::network("self"),
            node_fs: FileSystem::of(&self.state_dir),
            image_fs: FileSystem::of(&self.data_root),
            processes: machine::processes(),
        }
    }

    /// All pods that run. `disk`: also what they hold on the disk.
    pub async fn pods(&self, disk: bool) -> Result<Vec<PodStats>, RuntimeError> {
        let running = self.runtime.running().await?;
        self.groups.lock().retain(|pid, _| running.iter().any(|one| one.pid == *pid));
        self.last.lock().retain(|id, _| id.is_empty() || running.iter().any(|one| one.id == *id));
        let sizes = if disk { self.sizes().await? } else { HashMap::new() };
        let mut pods: BTreeMap<String, PodStats> = BTreeMap::new();
        // The sandbox, which each pod begins with, comes first.
        for one in running.iter().filter(|one| one.container.is_none()) {
            let (at, sandbox) = (Timestamp::now(), self.counters(one));
            let network = if one.host_network { Vec::new() } else { machine::network(&one.pid.to_string()) };
            let pod = one.pod.clone();
            let stats =
                PodStats { pod, started: one.started, at, containers: vec![], sandbox, network, volumes: vec![] };
            pods.insert(one.pod.uid.clone(), stats);
        }
        for one in &running {
            let (Some(name), Some(pod)) = (&one.container, pods.get_mut(&one.pod.uid)) else { continue };
            let (at, counters) = (Timestamp::now(), self.counters(one));
            let log_bytes = one.log.as_deref().and_then(|log| log.metadata().ok()).map_or(0, |log| log.len());
            pod.containers.push(ContainerStats {
                name: name.clone(),
                started: one.started,
                at,
                counters,
                cpu_rate: counters.cpu.and_then(|cpu| self.rate(&one.id, at, cpu)),
                root_bytes: sizes.get(&one.id).copied().unwrap_or(0),
                log_bytes,
            });
        }
        let mut pods: Vec<_> = pods.into_values().collect();
        if disk {
            self.volumes(&mut pods).await;
        }
        Ok(pods)
    }

    fn counters(&self, one: &Running) -> Counters {
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(&one.pid) {
            return group.read();
        }
        let Some(group) = Group::of(one.pid) else { return Counters::default() };
        let counters = group.read();
        groups.insert(one.pid, group);
        counters
    }

    fn rate(&self, id: &str, at: Timestamp, cpu: u64) -> Option<u64> {
        let mut last = self.last.lock();
        let before = last.get(id).copied();
        let passed = before.map(|(then, _)| at.duration_since(then).as_nanos());
        if passed.is_none_or(|passed| passed >= SHORTEST) {
            last.insert(id.to_owned(), (at, cpu));
        }
        let ((_, then), passed) = (before?, passed.filter(|passed| *passed > 0)?);
        u64::try_from(i128::from(cpu.saturating_sub(then)) * 1_000_000_000 / passed).ok()
    }

    async fn sizes(&self) -> Result<HashMap<String, u64>, RuntimeError> {
        let mut known = self.sizes.lock().await;
        if let Some((at, sizes)) = &*known
            && at.elapsed() < DISK_LOOK
        {
            return Ok(sizes.clone());
        }
        let sizes = self.runtime.sizes().await?;
        *known = Some((Instant::now(), sizes.clone()));
        Ok(sizes)
    }

    async fn volumes(&self, pods: &mut [PodStats]) {
        for pod in pods {
            let dir = volumes::volumes_dir(&self.state_dir, &pod.pod.uid);
            let looked = tokio::task::spawn_blocking(move || {
                let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
                let volumes = entries.map(|entry| {
                    let (bytes, files) = machine::below(&entry.path());
                    (entry.file_name().to_string_lossy().into_owned(), bytes, files)
                });
                volumes.collect()
            });
            pod.volumes = looked.await.unwrap_or_default();
        }
    }
}

impl<R: Runtime> Gauge for Stats<R> {
    fn read(&self) -> BoxFuture<'_, Observations> {
        async {
            let node = self.node();
            let mut seen = Observations::new();
            let mut see = |signal, available: u64, capacity: u64| {
                seen.insert(signal, Observation { available: available as i64, capacity: capacity as i64 });
            };
            if let Some((total, used)) = node.memory {
                see(Signal::MemoryAvailable, total.saturating_sub(used.working_set), total);
            }
            for (disk, space, inodes) in [
                (node.node_fs, Signal::NodeFsAvailable, Signal::NodeFsInodesFree),
                (node.image_fs, Signal::ImageFsAvailable, Signal::ImageFsInodesFree),
            ] {
                // Some file systems count no inodes.
                if let Some(disk) = disk {
                    see(space, disk.available, disk.capacity);
                    if disk.inodes > 0 {
                        see(inodes, disk.inodes_free, disk.inodes);
                    }
                }
            }
            if let Some((most, now)) = node.processes {
                see(Signal::PidAvailable, most.saturating_sub(now), most);
            }
            if let Ok(pods) = self.pods(false).await {
                let used: u64 = pods.iter().map(|pod| pod.memory().working_set).sum();
                let capacity = self.memory_for_pods;
                let available = capacity.saturating_sub(used as i64);
                seen.insert(Signal::AllocatableMemoryAvailable, Observation { available, capacity });
            }
            seen
        }
        .boxed()
    }
}
