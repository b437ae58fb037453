//! Steps that run a container's hooks, and what a worker makes of their outcome.

use std::path::PathBuf;

use super::Worker;
use crate::{
    desired::{self, roster},
    hooks::{Kind, Outcome, hook},
    memory::{Failing, PostStart, Stage},
    observed::ObservedPod,
    runtime::Runtime,
    volumes,
};

impl<R: Runtime> Worker<R> {
    pub(super) fn post_start(&mut self, container: &str, id: &str, observed: &ObservedPod) {
        self.memory.container(container).instance.post_start = PostStart::Running;
        self.start_hook(container, id, Kind::PostStart, observed);
    }

    /// Starts the hook of an instance that is to end; `false`: it has none, or an earlier agent saw it done.
    pub(super) fn pre_stop(&mut self, id: &str, observed: &ObservedPod) -> bool {
        if R::SIMULATED || self.pre_stop_mark(id).exists() {
            return false;
        }
        let name =
            observed.containers.iter().find(|container| container.id == id).map(|container| container.name.as_str());
        name.is_some_and(|name| self.start_hook(name, id, Kind::PreStop, observed))
    }

    fn start_hook(&mut self, container: &str, id: &str, kind: Kind, observed: &ObservedPod) -> bool {
        let Some(pod) = self.pod.clone() else { return false };
        let Some(member) = roster::member(&pod, container).filter(|member| hook(member, kind).is_some()) else {
            return false;
        };
        let address = desired::address(&pod, observed, self.shared.runtime.host_address());
        self.hooks.start(self.shared.runtime.clone(), &member, id, kind, address);
        true
    }

    pub(super) fn hook_done(&mut self, outcome: Outcome) {
        let Outcome { container, id, kind, trouble } = outcome;
        if let Some(trouble) = &trouble {
            tracing::warn!(
                pod = self.identity.name,
                namespace = self.identity.namespace,
                container,
                trouble,
                "hook failed"
            );
            // What it printed may be secret.
            match kind {
                Kind::PostStart => {
                    self.notices.container_warning(&container, "FailedPostStartHook", "PostStartHook failed")
                }
                Kind::PreStop => self.notices.container_warning(&container, "FailedPreStopHook", "PreStopHook failed"),
            }
        }
        match kind {
            Kind::PostStart => {
                let instance = &mut self.memory.container(&container).instance;
                if instance.id == id && trouble.is_some() {
                    instance.failed = Some(Failing::PostStart);
                } else if instance.id == id {
                    instance.post_start = PostStart::Done;
                }
            }
            Kind::PreStop => {
                self.mark_pre_stop(&id);
                if let Some(stopping) = self.memory.stopping.get_mut(&id).filter(|at| at.stage == Stage::PreStop) {
                    stopping.stage = Stage::Turn;
                }
            }
        }
    }

    /// So that the next agent does not run it again.
    fn mark_pre_stop(&self, id: &str) {
        let path = self.pre_stop_mark(id);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, ""));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot note that a hook is done");
        }
    }

    fn pre_stop_mark(&self, id: &str) -> PathBuf {
        volumes::pod_dir(&self.shared.state_dir, &self.identity.uid).join("hooks").join(format!("{id}-prestop"))
    }
}
