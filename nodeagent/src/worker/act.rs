//! Taking the step that `plan` chose: from nothing to running. What fails is remembered, so that the plan tries again
//! in its time. What ends a pod is in `end`.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};

use super::{Worker, sources};
use crate::{
    desired::{
        self, ConfigError, environment,
        roster::{self, Member},
        sources::References,
    },
    memory::{ImageState, Retry, next_rest, rest},
    node::in_time,
    observed::ObservedPod,
    plan::{self, Step},
    runtime::{ContainerSpec, Runtime, RuntimeError},
    volumes,
};

/// First and longest time between two tries.
type Pace = (SignedDuration, SignedDuration);
const SANDBOX: Pace = (SignedDuration::from_millis(500), SignedDuration::from_secs(15));
const CONTAINER: Pace = (SignedDuration::from_secs(1), SignedDuration::from_secs(10));

impl<R: Runtime> Worker<R> {
    pub(super) async fn act(&mut self, step: Step, observed: &ObservedPod) {
        match step {
            Step::PrepareVolumes => self.prepare_volumes().await,
            Step::CreateSandbox { attempt } => self.create_sandbox(attempt, observed).await,
            Step::StartSandbox { id } => self.start_sandbox(&id).await,
            Step::EnsureImage { container, attempt } => {
                if let Some(pod) = self.pod.clone()
                    && let Some(wanted) = roster::member(&pod, &container)
                {
                    // A pull may take for ever; its pod's end need not wait for it.
                    let mut orders = self.orders.clone();
                    let ending = async move {
                        loop {
                            if orders.borrow_and_update().ends_it() || orders.changed().await.is_err() {
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
                if let Some(pod) = self.pod.clone()
                    && let Some(wanted) = roster::member(&pod, &container)
                {
                    self.create_container(&pod, &wanted, attempt, &sandbox, observed).await;
                }
            }
            Step::StartContainer { container, id } => self.start_container(&container, &id).await,
            Step::PostStart { container, id } => self.post_start(&container, &id, observed),
            Step::Resize { container, id } => self.resize(&container, &id).await,
            Step::Stop { ids, grace, why } => self.stop(ids, grace, &why, observed).await,
            Step::Signal { ids } => self.ask_to_end(ids).await,
            Step::Kill { ids } => self.kill(ids).await,
            Step::Remove { ids } => self.remove(ids).await,
            Step::ReportEnd => self.report_end().await,
            Step::Release => self.release().await,
            Step::Finalize => self.finalize().await,
            Step::Wait { .. } | Step::Done => {}
        }
    }

    async fn create_sandbox(&mut self, attempt: u32, observed: &ObservedPod) {
        let Some(pod) = self.pod.clone() else { return };
        if !observed.containers.is_empty() {
            self.notices.normal("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
        }
        let made = match desired::sandbox(
            &pod,
            attempt,
            self.shared.runtime.host_address(),
            &self.shared.hosting.cluster_domain,
        ) {
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
        wanted: &Member<'_>,
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
        wanted: &Member<'_>,
        attempt: u32,
        sandbox: &str,
        observed: &ObservedPod,
    ) -> Result<ContainerSpec, ConfigError> {
        if R::SIMULATED {
            return desired::container(pod, wanted, attempt, sandbox, Vec::new(), Vec::new(), &self.shared.facts);
        }
        let names = References::of_environment(wanted);
        let sources = in_time(sources::fetch(&self.shared.client, &self.identity.namespace, names)).await;
        let mut sources = sources.map_err(|error| ConfigError(error.to_string()))?;
        sources.service_links = self.service_links(pod).await?;
        let dir = volumes::volumes_dir(&self.shared.state_dir, &self.identity.uid);
        let pod_ip = desired::address(pod, observed, self.shared.runtime.host_address());
        let env = environment::environment(pod, wanted, &sources, self.surroundings(pod_ip))?;
        let roots = self.volume_roots(pod, wanted).await?;
        let mounts = volumes::mounts(pod, wanted, volumes::Roots { dir: &dir, others: &roots }, &env)?;
        let mut spec = desired::container(pod, wanted, attempt, sandbox, env, mounts, &self.shared.facts)?;
        self.furnish(pod, wanted, pod_ip, &mut spec).await?;
        spec.target = target(wanted, observed)?;
        self.mount_message_file(wanted, &mut spec)?;
        Ok(spec)
    }

    /// Where volumes lie that have no directory of the pod.
    async fn volume_roots(&self, pod: &Pod, wanted: &Container) -> Result<BTreeMap<String, PathBuf>, ConfigError> {
        let mut roots = self.memory.volume_roots.clone();
        let parts =
            wanted.volume_mounts.iter().flatten().filter(|mount| {
                [&mount.sub_path, &mount.sub_path_expr].into_iter().flatten().any(|path| !path.is_empty())
            });
        for mount in parts {
            let volume = desired::spec(pod).volumes.iter().flatten().find(|volume| volume.name == mount.name);
            if !volume.is_some_and(volumes::is_in_memory) {
                continue;
            }
            let dir = self.shared.runtime.memory_dir(&self.identity.uid, &mount.name).await;
            let dir = dir.map_err(|error| ConfigError(error.to_string()))?;
            let dir = dir.ok_or_else(|| {
                ConfigError(format!(
                    "failed to prepare subPath for volumeMount {:?} of container {:?}: the runtime keeps this volume \
                     where the agent can't see it",
                    mount.name, wanted.name
                ))
            })?;
            roots.insert(mount.name.clone(), dir);
        }
        Ok(roots)
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
}

/// The instance whose processes this one is to see.
fn target(wanted: &Member<'_>, observed: &ObservedPod) -> Result<Option<String>, ConfigError> {
    let Some(name) = wanted.target else { return Ok(None) };
    let instance = observed.container(name).filter(|instance| instance.state.is_running());
    let instance = instance.ok_or_else(|| ConfigError(format!("unable to find target container {name:?}")))?;
    Ok(Some(instance.id.clone()))
}
