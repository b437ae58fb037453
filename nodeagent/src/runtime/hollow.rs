//! Containers that are only pretended: for scale tests and demonstrations. They start at once, end as their pod's
//! annotations say, and whoever reads their log is told.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::{net::TcpStream, sync::broadcast};

use super::{
    AttachRequest, Change, ContainerSpec, ExecRequest, Found, HostFacts, Image, LogQuery, Network, Pretence,
    PullRequest, Resources, Runtime, RuntimeError, SandboxSpec, Session, Signal,
};
use crate::{
    addresses::Addresses,
    observed::{Container, Exit, ObservedPod, PodIdentity, Sandbox, State},
};

/// What a hollow node claims to be: large enough that no demonstration is refused.
const CPUS: u32 = 32;
const MEMORY_BYTES: u64 = 256 << 30;
const DISK_BYTES: u64 = 1 << 40;
/// Endings that a listener may be behind before it looks at everything.
const ENDINGS: usize = 1024;

pub struct HollowRuntime {
    address: IpAddr,
    made: AtomicU64,
    pods: Arc<Mutex<Pods>>,
    /// Of pods of which a container has ended by itself.
    ended: broadcast::Sender<String>,
}

#[derive(Default)]
struct Pods {
    addresses: Option<Addresses>,
    /// By uid.
    pods: HashMap<String, HollowPod>,
    /// Container or sandbox id → uid.
    owners: HashMap<String, String>,
}

struct HollowPod {
    identity: PodIdentity,
    grace: i64,
    observed: ObservedPod,
    /// Of containers that end by themselves, by id.
    pretences: HashMap<String, Pretence>,
}

impl HollowRuntime {
    pub fn new(address: IpAddr) -> Self {
        let (ended, _) = broadcast::channel(ENDINGS);
        HollowRuntime { address, made: AtomicU64::new(0), pods: Arc::default(), ended }
    }

    fn new_id(&self, pod: &PodIdentity) -> String {
        format!("hollow-{}-{}", pod.uid, self.made.fetch_add(1, Ordering::Relaxed))
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut State)) -> Result<(), RuntimeError> {
        self.pods.lock().change(id, change)
    }

    /// Ends a container that started at `started`, when its time has come.
    fn end_later(&self, id: &str, started: Timestamp, pretence: Pretence) {
        let (id, pods, told) = (id.to_owned(), self.pods.clone(), self.ended.clone());
        let ran = Timestamp::now().duration_since(started).unsigned_abs();
        tokio::spawn(async move {
            tokio::time::sleep(pretence.runs_for.saturating_sub(ran)).await;
            let mut pods = pods.lock();
            let changed = pods.change(&id, |state| {
                if matches!(state, State::Running { started: since } if *since == started) {
                    *state = ended(started, pretence.exit_code);
                }
            });
            if let (Ok(()), Some(uid)) = (changed, pods.owners.get(&id)) {
                // Nobody may be listening; whoever does later looks at everything first.
                let _heard = told.send(uid.clone());
            }
        });
    }

    fn pretence(&self, id: &str) -> Option<Pretence> {
        let pods = self.pods.lock();
        let pod = pods.owners.get(id).and_then(|uid| pods.pods.get(uid))?;
        pod.pretences.get(id).copied()
    }

    fn is_sandbox(&self, id: &str) -> bool {
        let pods = self.pods.lock();
        let pod = pods.owners.get(id).and_then(|uid| pods.pods.get(uid));
        pod.is_some_and(|pod| pod.observed.sandboxes.iter().any(|sandbox| sandbox.id == id))
    }
}

impl Pods {
    fn change(&mut self, id: &str, change: impl FnOnce(&mut State)) -> Result<(), RuntimeError> {
        let missing = || RuntimeError::NotFound(format!("No such container: {id}"));
        let uid = self.owners.get(id).cloned().ok_or_else(missing)?;
        let observed = &mut self.pods.get_mut(&uid).ok_or_else(missing)?.observed;
        let sandboxes = observed.sandboxes.iter_mut().map(|sandbox| (&sandbox.id, &mut sandbox.state));
        let containers = observed.containers.iter_mut().map(|container| (&container.id, &mut container.state));
        let (_, state) = sandboxes.chain(containers).find(|(own, _)| *own == id).ok_or_else(missing)?;
        change(state);
        Ok(())
    }
}

fn ended(started: Timestamp, code: i32) -> State {
    let (oom_killed, error) = (false, String::new());
    State::Exited(Exit { started: Some(started), finished: Timestamp::now(), code, oom_killed, error })
}

impl Runtime for HollowRuntime {
    const SIMULATED: bool = true;
    const SCHEME: &'static str = "hollow";

    async fn facts(&self) -> Result<HostFacts, RuntimeError> {
        Ok(HostFacts {
            cpus: CPUS,
            memory_bytes: MEMORY_BYTES,
            disk_bytes: DISK_BYTES,
            kernel: "hollow".to_owned(),
            os_image: "hollow (simulated)".to_owned(),
            architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }.to_owned(),
            operating_system: "linux".to_owned(),
            runtime_version: format!("hollow://{}", env!("CARGO_PKG_VERSION")),
            machine_id: "hollow".to_owned(),
            app_armor: true,
            data_root: String::new(),
        })
    }

    async fn alive(&self) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn prepare(&self, network: &Network) -> Result<(), RuntimeError> {
        let addresses = Addresses::new(&network.pod_cidr).map_err(|error| RuntimeError::Failed(error.to_string()))?;
        let mut pods = self.pods.lock();
        if pods.addresses.is_none() {
            pods.addresses = Some(addresses);
        }
        Ok(())
    }

    async fn adopt(&self, pod: &PodIdentity, grace: i64, pretence: Option<Pretence>, observed: ObservedPod) {
        let mut pods = self.pods.lock();
        let pods = &mut *pods;
        if pods.pods.contains_key(&pod.uid) {
            return;
        }
        for container in &observed.containers {
            if let (State::Running { started }, Some(pretence)) = (&container.state, pretence) {
                self.end_later(&container.id, *started, pretence);
            }
        }
        for sandbox in &observed.sandboxes {
            pods.owners.insert(sandbox.id.clone(), pod.uid.clone());
            if let (Some(addresses), Some(ip)) = (pods.addresses.as_mut(), sandbox.ip) {
                addresses.adopt(ip, &pod.uid);
            }
        }
        for container in &observed.containers {
            pods.owners.insert(container.id.clone(), pod.uid.clone());
        }
        let pretences = HashMap::new();
        pods.pods.insert(pod.uid.clone(), HollowPod { identity: pod.clone(), grace, observed, pretences });
    }

    async fn inventory(&self) -> Result<Vec<Found>, RuntimeError> {
        let pods = self.pods.lock();
        Ok(pods.pods.values().map(|pod| Found { pod: pod.identity.clone(), grace: pod.grace }).collect())
    }

    async fn observe(&self, uid: &str) -> Result<ObservedPod, RuntimeError> {
        Ok(self.pods.lock().pods.get(uid).map(|pod| pod.observed.clone()).unwrap_or_default())
    }

    async fn create_sandbox(&self, spec: &SandboxSpec) -> Result<String, RuntimeError> {
        let id = self.new_id(&spec.pod);
        let mut pods = self.pods.lock();
        let pods = &mut *pods;
        let ip = if spec.host_network {
            None
        } else {
            let addresses = pods
                .addresses
                .as_mut()
                .ok_or_else(|| RuntimeError::Unavailable("the node has no podCIDR yet".to_owned()))?;
            Some(addresses.take(&spec.pod.uid).map_err(|error| RuntimeError::Failed(error.to_string()))?)
        };
        pods.owners.insert(id.clone(), spec.pod.uid.clone());
        let pod = pods.pods.entry(spec.pod.uid.clone()).or_insert_with(|| HollowPod {
            identity: spec.pod.clone(),
            grace: spec.grace,
            observed: ObservedPod::default(),
            pretences: HashMap::new(),
        });
        pod.observed.sandboxes.push(Sandbox { id: id.clone(), attempt: spec.attempt, state: State::Created, ip });
        Ok(id)
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String, RuntimeError> {
        let id = self.new_id(&spec.pod);
        let mut pods = self.pods.lock();
        let pod = pods
            .pods
            .get_mut(&spec.pod.uid)
            .ok_or_else(|| RuntimeError::NotFound(format!("No such container: {}", spec.sandbox)))?;
        pod.observed.containers.push(Container {
            id: id.clone(),
            name: spec.name.clone(),
            attempt: spec.attempt,
            spec_hash: spec.spec_hash.clone(),
            image: spec.image.clone(),
            image_id: format!("hollow://{}", spec.image),
            state: State::Created,
            sandbox: spec.sandbox.clone(),
        });
        if let Some(pretence) = spec.pretence {
            pod.pretences.insert(id.clone(), pretence);
        }
        pods.owners.insert(id.clone(), spec.pod.uid.clone());
        Ok(id)
    }

    async fn start(&self, id: &str) -> Result<(), RuntimeError> {
        let pretence = self.pretence(id);
        let started = Timestamp::now();
        let at_once = pretence.filter(|pretence| pretence.runs_for.is_zero());
        self.change(id, |state| {
            *state = at_once.map_or(State::Running { started }, |pretence| ended(started, pretence.exit_code));
        })?;
        if let (Some(pretence), None) = (pretence, at_once) {
            self.end_later(id, started, pretence);
        }
        Ok(())
    }

    async fn update(&self, id: &str, _: &Resources) -> Result<(), RuntimeError> {
        self.change(id, |_| {})
    }

    async fn signal(&self, id: &str, signal: Signal) -> Result<(), RuntimeError> {
        let code = match signal {
            Signal::Term => 0,
            Signal::Kill => 137,
        };
        let ended = self.change(id, |state| {
            if let State::Running { started } = *state {
                *state = ended(started, code);
            }
        });
        match ended {
            Err(RuntimeError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    async fn remove(&self, id: &str) -> Result<(), RuntimeError> {
        let is_sandbox = self.is_sandbox(id);
        let mut pods = self.pods.lock();
        let pods = &mut *pods;
        let Some(uid) = pods.owners.remove(id) else { return Ok(()) };
        let Some(pod) = pods.pods.get_mut(&uid) else { return Ok(()) };
        if is_sandbox {
            let ip = pod.observed.sandboxes.iter().find(|sandbox| sandbox.id == id).and_then(|sandbox| sandbox.ip);
            if let (Some(addresses), Some(ip)) = (pods.addresses.as_mut(), ip) {
                addresses.release(ip, &uid);
            }
        }
        pod.pretences.remove(id);
        pod.observed.sandboxes.retain(|sandbox| sandbox.id != id);
        pod.observed.containers.retain(|container| container.id != id);
        if pod.observed.is_empty() {
            pods.pods.remove(&uid);
        }
        Ok(())
    }

    async fn memory_dir(&self, _uid: &str, _volume: &str) -> Result<Option<std::path::PathBuf>, RuntimeError> {
        Ok(None)
    }

    async fn release_memory(&self, _uid: &str) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn image(&self, name: &str) -> Result<Option<Image>, RuntimeError> {
        Ok(Some(Image { id: format!("hollow://{name}"), size_bytes: 0, user: String::new() }))
    }

    async fn pull(&self, request: &PullRequest<'_>) -> Result<Image, RuntimeError> {
        Ok(Image { id: format!("hollow://{}", request.name), size_bytes: 0, user: String::new() })
    }

    async fn logs(
        &self,
        id: &str,
        query: &LogQuery,
    ) -> Result<BoxStream<'static, Result<Bytes, RuntimeError>>, RuntimeError> {
        let mut running = false;
        self.change(id, |state| running = state.is_running())?;
        let stamp = if query.timestamps { format!("{} ", Timestamp::now()) } else { String::new() };
        let line = format!("{stamp}This container is simulated: its node is hollow and runs nothing.\n");
        let said = stream::once(futures::future::ready(Ok(Bytes::from(line))));
        // A follower waits, as it would for a quiet container.
        Ok(if query.follow && running { said.chain(stream::pending()).boxed() } else { said.boxed() })
    }

    async fn exec(&self, id: &str, _: &ExecRequest) -> Result<Session, RuntimeError> {
        self.change(id, |_| {})?;
        Err(simulated("nothing can be executed in it"))
    }

    async fn attach(&self, id: &str, _: &AttachRequest) -> Result<Session, RuntimeError> {
        self.change(id, |_| {})?;
        Err(simulated("nothing can be attached to"))
    }

    async fn connect(&self, sandbox: &str, _: Option<IpAddr>, _: u16) -> Result<TcpStream, RuntimeError> {
        self.change(sandbox, |_| {})?;
        Err(simulated("no port of it can be reached"))
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        let endings = stream::unfold(self.ended.subscribe(), |mut endings| async move {
            let change = match endings.recv().await {
                Ok(uid) => Change::Pod(uid),
                Err(broadcast::error::RecvError::Lagged(_)) => Change::Everything,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((change, endings))
        });
        stream::once(futures::future::ready(Change::Everything)).chain(endings).boxed()
    }

    fn host_address(&self) -> IpAddr {
        self.address
    }
}

fn simulated(consequence: &str) -> RuntimeError {
    RuntimeError::Failed(format!("this container is simulated: its node is hollow and runs nothing, so {consequence}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::suite;

    fn network() -> Network {
        Network { subnet: "10.1.0.0/16".into(), pod_cidr: "10.1.3.0/24".into() }
    }

    #[tokio::test]
    async fn hollow_does_what_every_runtime_does() {
        let runtime = HollowRuntime::new([127, 0, 0, 1].into());
        suite::all(&runtime, &network(), "any").await;
    }

    #[tokio::test]
    async fn its_log_says_that_nothing_runs() {
        let runtime = HollowRuntime::new([127, 0, 0, 1].into());
        runtime.prepare(&network()).await.expect("prepared");
        let pod = suite::pod("eeee0000-1111");
        let sandbox = suite::start_sandbox(&runtime, &suite::sandbox(&pod)).await;
        let id = suite::start(&runtime, &suite::container(&pod, &sandbox, "any", "true")).await;
        let log = suite::logs(&runtime, &id, LogQuery::default()).await;
        assert!(log.contains("simulated"), "{log}");
        let request = ExecRequest { command: vec!["true".to_owned()], ..ExecRequest::default() };
        let refusals = [
            runtime.exec(&id, &request).await.err(),
            runtime.attach(&id, &AttachRequest::default()).await.err(),
            runtime.connect(&sandbox, None, 80).await.err(),
        ];
        for refusal in refusals {
            let refusal = refusal.expect("a refusal").to_string();
            assert!(refusal.contains("its node is hollow and runs nothing"), "{refusal}");
        }
    }
    #[tokio::test]
    async fn a_pretended_container_ends_as_it_was_told_and_says_so_also_when_its_agent_was_away() {
        let pretence = Pretence { runs_for: std::time::Duration::from_millis(30), exit_code: 3 };
        let runtime = HollowRuntime::new([127, 0, 0, 1].into());
        runtime.prepare(&network()).await.expect("prepared");
        let pod = suite::pod("eeee0000-2222");
        let mut changes = runtime.changes();
        assert_eq!(changes.next().await, Some(Change::Everything));
        let sandbox = suite::start_sandbox(&runtime, &suite::sandbox(&pod)).await;
        let spec = ContainerSpec { pretence: Some(pretence), ..suite::container(&pod, &sandbox, "any", "true") };
        let id = suite::start(&runtime, &spec).await;
        let before = runtime.observe(&pod.uid).await.expect("observed");
        assert!(matches!(before.containers[0].state, State::Running { .. }));
        assert_eq!(changes.next().await, Some(Change::Pod(pod.uid.clone())));
        let after = runtime.observe(&pod.uid).await.expect("observed");
        assert!(matches!(&after.containers[0].state, State::Exited(exit) if exit.code == 3), "{id}: {after:?}");

        let next = HollowRuntime::new([127, 0, 0, 1].into());
        let mut changes = next.changes();
        assert_eq!(changes.next().await, Some(Change::Everything));
        next.adopt(&pod, 1, Some(pretence), before).await;
        assert_eq!(changes.next().await, Some(Change::Pod(pod.uid.clone())));
    }
}
