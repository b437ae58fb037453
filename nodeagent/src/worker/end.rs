//! Steps that end containers and pods.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::Worker;
use crate::{
    memory::{Retry, Stage, Stopping},
    node::{WriteError, in_time},
    observed::ObservedPod,
    plan::Why,
    runtime::{Runtime, RuntimeError, Signal},
    volumes,
};

/// First and longest time between two tries.
const PACE: (SignedDuration, SignedDuration) = (SignedDuration::from_millis(200), SignedDuration::from_secs(5));

impl<R: Runtime> Worker<R> {
    /// Remembers whether a step that is retried as a whole went well.
    fn ending(&mut self, failed: Option<String>) {
        self.memory.ending = failed.map(|message| {
            tracing::warn!(pod = self.identity.name, namespace = self.identity.namespace, message, "cleaning up");
            Retry::after(self.memory.ending.as_ref(), Timestamp::now(), PACE, "", message)
        });
    }

    pub(super) async fn remove(&mut self, ids: Vec<String>) {
        let removals = join_all(ids.iter().map(|id| self.shared.runtime.remove(id))).await;
        let failed = removals.into_iter().find_map(Result::err);
        self.ending(failed.map(|error| error.to_string()));
    }

    /// Nothing is cleared away before the API server knows how it ended.
    pub(super) async fn report_end(&mut self) {
        let said = self.reporter.flush().await;
        self.memory.end_reported = said;
        self.ending((!said).then(|| "the last status was not taken".to_owned()));
    }

    pub(super) async fn stop(&mut self, ids: Vec<String>, grace: i64, why: &Why, observed: &ObservedPod) {
        for container in observed.containers.iter().filter(|container| ids.contains(&container.id)) {
            self.notices.stopping(&container.name, why);
        }
        if *why == Why::Resized {
            for container in observed.containers.iter().filter(|container| ids.contains(&container.id)) {
                self.memory.container(&container.name).again = Some(container.id.clone());
            }
        }
        let since = Timestamp::now();
        let ordered = matches!(why, Why::PodEnds | Why::SandboxChanged);
        for id in &ids {
            let hooked = grace > 0 && self.pre_stop(id, observed);
            let stage = if hooked { Stage::PreStop } else { Stage::Turn };
            self.memory.stopping.insert(id.clone(), Stopping { since, grace, ordered, stage });
        }
        if grace == 0 {
            self.kill(ids).await;
        }
    }

    pub(super) async fn ask_to_end(&mut self, ids: Vec<String>) {
        self.signal(&ids, Signal::Term).await;
    }

    pub(super) async fn kill(&mut self, ids: Vec<String>) {
        self.signal(&ids, Signal::Kill).await;
    }

    async fn signal(&mut self, ids: &[String], signal: Signal) {
        let answers = join_all(ids.iter().map(|id| self.shared.runtime.signal(id, signal))).await;
        let stage = match signal {
            Signal::Term => Stage::Signalled(Timestamp::now()),
            Signal::Kill => Stage::Killed,
        };
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Ok(()) => {
                    if let Some(stopping) = self.memory.stopping.get_mut(id) {
                        stopping.stage = stage;
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

    pub(super) async fn release(&mut self) {
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
    pub(super) async fn finalize(&mut self) {
        let pods: Api<Pod> = Api::namespaced(self.shared.client.clone(), &self.identity.namespace);
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(self.identity.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        let failed = match in_time(pods.delete(&self.identity.name, &parameters)).await {
            Ok(_) => None,
            // Gone, or another one by now.
            Err(WriteError::Api(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => None,
            Err(error) => Some(error.to_string()),
        };
        self.memory.finalized = failed.is_none();
        self.ending(failed);
    }
}
