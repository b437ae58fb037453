//! Taking the step that `plan` chose. What fails is remembered, so that the plan tries again in its time.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::{Order, Worker, sources};
use crate::{
    desired::{self, ConfigError, Surroundings, environment, sources::References},
    memory::{ImageState, Retry, Stopping, next_rest, rest},
    observed::ObservedPod,
    plan::{self, Step, Why},
    runtime::{ContainerSpec, Runtime, RuntimeError, Signal},
    volumes::{self, VolumeError},
};

/// First and longest time between two tries.
type Pace = (SignedDuration, SignedDuration);
const VOLUMES: Pace = (SignedDuration::from_millis(500), SignedDuration::from_secs(10));
const SANDBOX: Pace = (SignedDuration::from_millis(500), SignedDuration::from_secs(15));
const CONTAINER: Pace = (SignedDuration::from_secs(1), SignedDuration::from_secs(10));
const ENDING: Pace = (SignedDuration::from_millis(200), SignedDuration::from_secs(5));

impl<R: Runtime> Worker<R> {
    pub(super) async fn act(&mut self, step: Step, observed: &ObservedPod) {
        match step {
            Step::PrepareVolumes => self.prepare_volumes().await,
            Step::CreateSandbox { attempt } => self.create_sandbox(attempt).await,
            Step::StartSandbox { id } => self.start_sandbox(&id).await,
            Step::EnsureImage { container, attempt } => {
                if let Some(wanted) = self.wanted(&container) {
                    // A pull may take for ever; its pod's end need not wait for it.
                    let mut orders = self.orders.clone();
                    let ending = async move {
                        loop {
                            match &*orders.borrow_and_update() {
                                Order::Pod(pod) if pod.metadata.deletion_timestamp.is_none() => {}
                                _ => return,
                            }
                            if orders.changed().await.is_err() {
                                return;
                            }
                        }
                    };
                    tokio::select! {
                        () = self.ensure_image(&wanted, attempt) => {}
                        () = ending => {}
                    }
                }
            }
            Step::CreateContainer { container, attempt, sandbox } => {
                if let (Some(pod), Some(wanted)) = (self.pod.clone(), self.wanted(&container)) {
                    self.create_container(&pod, &wanted, attempt, &sandbox, observed).await;
                }
            }
            Step::StartContainer { container, id } => self.start_container(&container, &id).await,
            Step::Stop { ids, grace, why } => self.stop(ids, grace, &why, observed).await,
            Step::Kill { ids } => self.kill(ids).await,
            Step::Remove { ids } => {
                let removals = join_all(ids.iter().map(|id| self.shared.runtime.remove(id))).await;
                let failed = removals.into_iter().find_map(Result::err);
                self.ending(failed.map(|error| error.to_string()));
            }
            Step::ReportEnd => {
                let said = self.reporter.flush().await;
                self.memory.end_reported = said;
                self.ending((!said).then(|| "the last status was not taken".to_owned()));
            }
            Step::Release => self.release().await,
            Step::Finalize => self.finalize().await,
            Step::Wait { .. } | Step::Done => {}
        }
    }

    fn wanted(&self, name: &str) -> Option<Container> {
        let pod = self.pod.as_deref()?;
        desired::spec(pod).containers.iter().find(|container| container.name == name).cloned()
    }

    /// Remembers whether a step that is retried as a whole went well.
    fn ending(&mut self, failed: Option<String>) {
        self.memory.ending = failed.map(|message| {
            tracing::warn!(pod = self.identity.name, namespace = self.identity.namespace, message, "cleaning up");
            Retry::after(self.memory.ending.as_ref(), Timestamp::now(), ENDING, "", message)
        });
    }

    async fn prepare_volumes(&mut self) {
        let Some(pod) = self.pod.clone() else { return };
        if R::SIMULATED {
            self.memory.volumes_ready = true;
            return;
        }
        match self.write_volumes(&pod).await {
            Ok(()) => {
                self.memory.volumes_ready = true;
                self.memory.volumes = None;
            }
            Err(message) => {
                self.notices.warning("FailedMount", message.clone());
                let retry = Retry::after(self.memory.volumes.as_ref(), Timestamp::now(), VOLUMES, "", message);
                self.memory.volumes = Some(retry);
            }
        }
    }

    async fn write_volumes(&self, pod: &Pod) -> Result<(), String> {
        let names = References::of_volumes(pod);
        let sources = sources::fetch(&self.shared.client, &self.identity.namespace, names).await;
        let sources = sources.map_err(|error| format!("Unable to attach or mount volumes: {error}"))?;
        let dir = volumes::volumes_dir(&self.shared.state_dir, &self.identity.uid);
        let said = |error: VolumeError| error.to_string();
        let contents = volumes::contents(pod, &sources, self.surroundings(None)).map_err(said)?;
        let written = tokio::task::spawn_blocking(move || volumes::prepare(&dir, &contents)).await;
        written.map_err(|error| error.to_string())?.map_err(said)
    }

    fn surroundings(&self, pod_ip: Option<std::net::IpAddr>) -> Surroundings<'_> {
        Surroundings {
            node_name: &self.shared.node_name,
            host_ip: self.shared.runtime.host_address(),
            pod_ip,
            node: &self.shared.facts,
        }
    }

    async fn create_sandbox(&mut self, attempt: u32) {
        let Some(pod) = self.pod.clone() else { return };
        let made = match desired::sandbox(&pod, attempt, self.shared.runtime.host_address()) {
            Ok(spec) => self.shared.runtime.create_sandbox(&spec).await.map(drop),
            Err(error) => Err(RuntimeError::Failed(error.to_string())),
        };
        if let Err(error) = made {
            self.sandbox_failed(&error);
        }
    }

    async fn start_sandbox(&mut self, id: &str) {
        match self.shared.runtime.start(id).await {
            Ok(()) => self.memory.sandbox = None,
            Err(error) => {
                self.sandbox_failed(&error);
                // The next try takes another address.
                if let Err(error) = self.shared.runtime.remove(id).await {
                    tracing::debug!(pod = self.identity.name, %error, "sandbox not removed");
                }
            }
        }
    }

    fn sandbox_failed(&mut self, error: &RuntimeError) {
        let message = format!("Failed to create pod sandbox: {error}");
        self.notices.warning("FailedCreatePodSandBox", message.clone());
        let retry = Retry::after(self.memory.sandbox.as_ref(), Timestamp::now(), SANDBOX, "", message);
        self.memory.sandbox = Some(retry);
    }

    async fn create_container(
        &mut self,
        pod: &Pod,
        wanted: &Container,
        attempt: u32,
        sandbox: &str,
        observed: &ObservedPod,
    ) {
        let name = wanted.name.as_str();
        let failed = match self.container_spec(pod, wanted, attempt, sandbox, observed).await {
            Err(error) => ("CreateContainerConfigError", error.0),
            Ok(spec) => match self.shared.runtime.create_container(&spec).await {
                Ok(_) => {
                    self.notices.container_normal(name, "Created", "Container created");
                    let rested = self.rested(name, attempt, observed);
                    let memory = self.memory.container(name);
                    memory.trouble = None;
                    memory.next_delay = rested.or(memory.next_delay);
                    return;
                }
                Err(error) => {
                    if matches!(error, RuntimeError::NotFound(_)) {
                        // Its image went away since.
                        self.memory.container(name).image = ImageState::Unknown;
                    }
                    ("CreateContainerError", error.to_string())
                }
            },
        };
        let (reason, message) = failed;
        self.notices.container_warning(name, "Failed", format!("Error: {message}"));
        let memory = self.memory.container(name);
        memory.trouble = Some(Retry::after(memory.trouble.as_ref(), Timestamp::now(), CONTAINER, reason, message));
    }

    /// What the next exit must rest, when this start follows an exit.
    fn rested(&self, name: &str, attempt: u32, observed: &ObservedPod) -> Option<SignedDuration> {
        let before = observed.container(name).filter(|before| before.attempt < attempt)?;
        let known = self.memory.containers.get(name).and_then(|memory| memory.next_delay);
        let timings = &self.shared.timings;
        Some(next_rest(rest(before.attempt, plan::ran(before.state.exit()?), known, timings), timings))
    }

    async fn container_spec(
        &self,
        pod: &Pod,
        wanted: &Container,
        attempt: u32,
        sandbox: &str,
        observed: &ObservedPod,
    ) -> Result<ContainerSpec, ConfigError> {
        if R::SIMULATED {
            return desired::container(pod, wanted, attempt, sandbox, Vec::new(), Vec::new(), &self.shared.facts);
        }
        let names = References::of_environment(wanted);
        let sources = sources::fetch(&self.shared.client, &self.identity.namespace, names).await;
        let sources = sources.map_err(|error| ConfigError(error.to_string()))?;
        let dir = volumes::volumes_dir(&self.shared.state_dir, &self.identity.uid);
        let pod_ip = match desired::spec(pod).host_network {
            Some(true) => Some(self.shared.runtime.host_address()),
            _ => observed.sandbox().and_then(|sandbox| sandbox.ip),
        };
        let env = environment::environment(pod, wanted, &sources, self.surroundings(pod_ip))?;
        let mounts = volumes::mounts(pod, wanted, &dir, &env)?;
        desired::container(pod, wanted, attempt, sandbox, env, mounts, &self.shared.facts)
    }

    async fn start_container(&mut self, name: &str, id: &str) {
        match self.shared.runtime.start(id).await {
            Ok(()) => self.notices.container_normal(name, "Started", "Container started"),
            // The runtime keeps it as one that could not start, and it is restarted like one that ended.
            Err(error) => {
                self.notices.container_warning(name, "Failed", format!("Error: {error}"));
                let memory = self.memory.container(name);
                if matches!(error, RuntimeError::Unavailable(_)) {
                    let trouble = memory.trouble.as_ref();
                    let retry =
                        Retry::after(trouble, Timestamp::now(), CONTAINER, "RunContainerError", error.to_string());
                    memory.trouble = Some(retry);
                }
            }
        }
    }

    async fn stop(&mut self, ids: Vec<String>, grace: i64, why: &Why, observed: &ObservedPod) {
        if *why == Why::SandboxChanged {
            self.notices.normal("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
        }
        for container in observed.containers.iter().filter(|container| ids.contains(&container.id)) {
            self.notices.stopping(&container.name, why);
        }
        let signal = if grace == 0 { Signal::Kill } else { Signal::Term };
        let answers = join_all(ids.iter().map(|id| self.shared.runtime.signal(id, signal))).await;
        let since = Timestamp::now();
        for (id, answer) in ids.into_iter().zip(answers) {
            match answer {
                Ok(()) => {
                    self.memory.stopping.insert(id, Stopping { since, grace, killed: grace == 0 });
                }
                Err(error) => self.signal_failed(&error).await,
            }
        }
    }

    async fn kill(&mut self, ids: Vec<String>) {
        let answers = join_all(ids.iter().map(|id| self.shared.runtime.signal(id, Signal::Kill))).await;
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Ok(()) => {
                    if let Some(stopping) = self.memory.stopping.get_mut(id) {
                        stopping.killed = true;
                    }
                }
                Err(error) => self.signal_failed(&error).await,
            }
        }
    }

    async fn signal_failed(&self, error: &RuntimeError) {
        tracing::warn!(pod = self.identity.name, %error, "container not signalled");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }

    async fn release(&mut self) {
        if R::SIMULATED {
            self.memory.released = true;
            return;
        }
        let memory = self.shared.runtime.release_memory(&self.identity.uid).await.map_err(|error| error.to_string());
        let (state_dir, uid) = (self.shared.state_dir.clone(), self.identity.uid.clone());
        let files = tokio::task::spawn_blocking(move || volumes::release(&state_dir, &uid)).await;
        let files = files.map_err(|error| error.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
        let failed = memory.and(files).err();
        self.memory.released = failed.is_none();
        self.ending(failed);
    }

    /// The API server keeps a pod until its agent says that nothing runs any more.
    async fn finalize(&mut self) {
        let pods: Api<Pod> = Api::namespaced(self.shared.client.clone(), &self.identity.namespace);
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(self.identity.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        let failed = match pods.delete(&self.identity.name, &parameters).await {
            Ok(_) => None,
            // Gone, or another one by now.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => None,
            Err(error) => Some(error.to_string()),
        };
        self.memory.finalized = failed.is_none();
        self.ending(failed);
    }
}
