//! What a worker makes of what it sees: its memory brought up to date, and what is worth an event said.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::{Worker, image};
use crate::{
    desired::{self, admission, roster},
    memory::{Failing, Failure, ImageState, Instance, PostStart, later},
    observed::{ObservedPod, PodIdentity},
    probes::{Kind, Outcome},
    runtime::Runtime,
};

/// A failed pull is shown as such for a moment, then as waiting for the next.
const PULL_ERROR_SHOWN: SignedDuration = SignedDuration::from_secs(1);

impl<R: Runtime> Worker<R> {
    /// Brings the memory up to what is there now.
    pub(super) fn refresh(&mut self, observed: &ObservedPod, now: Timestamp) {
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.heed(outcome);
        }
        self.memory.stopping.retain(|id, _| observed.running().any(|container| container.id == *id));
        let Some(pod) = self.pod.clone() else { return };
        while let Some(outcome) = self.hooks.try_next() {
            self.hook_done(outcome);
        }
        for wanted in roster::all(&pod) {
            let Some(newest) = observed.container(&wanted.name) else { continue };
            let said = wanted.sort.statuses(&self.said).iter().find(|said| said.name == wanted.name);
            let known = said.filter(|said| said.container_id.as_deref().is_some_and(|id| id.ends_with(&newest.id)));
            let (started, ready) = known.map_or((false, false), |said| (said.started == Some(true), said.ready));
            // Only one whose hook was done is ever said to run.
            let runs = known.is_some_and(|said| said.state.as_ref().is_some_and(|state| state.running.is_some()));
            let memory = self.memory.container(&wanted.name);
            if memory.instance.id != newest.id {
                let post_start = if runs { PostStart::Done } else { PostStart::Due };
                // One that was just made has what the spec says.
                let resources = match known {
                    Some(said) if runs => said.resources.clone(),
                    _ => Some(wanted.resources.clone().unwrap_or_default()),
                };
                memory.instance =
                    Instance { id: newest.id.clone(), started, ready, post_start, failed: None, resources };
            }
        }
        self.judge_resize(&pod);
        self.announce_pull_back_off(&pod, now);
        self.check_deadline(&pod, now);
        if R::SIMULATED {
            for instance in self.memory.containers.values_mut().map(|memory| &mut memory.instance) {
                (instance.started, instance.ready, instance.post_start) = (true, true, PostStart::Done);
            }
        } else {
            self.probers.sync(&self.shared.runtime, &pod, observed, &self.memory);
        }
    }

    /// Rejects what this node can't do, before anything is made.
    pub(super) fn admit(&mut self, pod: &Pod) {
        let shared = &self.shared;
        let refusal = admission::refusal(pod, &shared.facts, &shared.hosting.allowed_unsafe_sysctls);
        if let Some(Failure { reason, message }) = refusal {
            self.notices.warning(&reason, message.clone());
            self.memory.failed = Some(Failure { reason, message: format!("Pod was rejected: {message}") });
        }
    }

    /// Takes what somebody else decided about the pod, unless it failed by itself before.
    pub(super) fn heed_ruling(&mut self) {
        let Some(ruling) = self.shared.rulings.take(&self.identity.uid) else { return };
        if self.memory.failed.is_some() {
            return;
        }
        self.notices.warning(&ruling.failure.reason, ruling.failure.message.clone());
        let Failure { reason, message } = ruling.failure;
        let rejected = !ruling.disrupts;
        self.memory.disrupted = ruling.disrupts.then(|| message.clone());
        let message = if rejected { format!("Pod was rejected: {message}") } else { message };
        self.memory.failed = Some(Failure { reason, message });
        let own = self.pod.as_deref().map(desired::grace);
        self.memory.failed_grace = ruling.grace.map(|grace| own.map_or(grace, |own| grace.min(own)));
    }

    fn announce_pull_back_off(&mut self, pod: &Pod, now: Timestamp) {
        for wanted in roster::all(pod) {
            let image = wanted.image.as_deref().unwrap_or_default();
            if let ImageState::Failed(retry) = &mut self.memory.container(&wanted.name).image
                && retry.reason == "ErrImagePull"
                && later(retry.at, PULL_ERROR_SHOWN - retry.delay) <= now
            {
                image::becomes_back_off(retry, image);
                let message = format!("Back-off pulling image {image:?}");
                self.notices.container_normal(&wanted.name, "BackOff", message);
                self.notices.container_warning(&wanted.name, "Failed", "Error: ImagePullBackOff");
            }
        }
    }

    fn check_deadline(&mut self, pod: &Pod, now: Timestamp) {
        let Some(at) = self.deadline(pod) else { return };
        let ended = matches!(self.said.phase.as_deref(), Some("Succeeded" | "Failed"));
        if at <= now && self.memory.failed.is_none() && !ended {
            let message = "Pod was active on the node longer than the specified deadline".to_owned();
            self.notices.normal("DeadlineExceeded", message.clone());
            self.memory.failed = Some(Failure { reason: "DeadlineExceeded".to_owned(), message });
        }
    }

    fn deadline(&self, pod: &Pod) -> Option<Timestamp> {
        let seconds = desired::spec(pod).active_deadline_seconds?;
        Some(later(self.said.start_time.as_ref()?.0, SignedDuration::from_secs(seconds)))
    }

    /// Times that matter besides those of the plan.
    pub(super) fn appointments(&self, now: Timestamp) -> Vec<Timestamp> {
        let pulls = self.memory.containers.values().filter_map(|memory| match &memory.image {
            ImageState::Failed(retry) if retry.reason == "ErrImagePull" => {
                Some(later(retry.at, PULL_ERROR_SHOWN - retry.delay))
            }
            _ => None,
        });
        let deadline = self.pod.as_deref().and_then(|pod| self.deadline(pod));
        pulls.chain(deadline).chain(self.upkeep.appointments()).filter(|at| *at > now).collect()
    }

    pub(super) fn announce_crashes(&mut self, observed: &ObservedPod) {
        let lists = [&self.said.init_container_statuses, &self.said.container_statuses];
        for said in lists.into_iter().flatten().flatten() {
            let waiting = said.state.as_ref().and_then(|state| state.waiting.as_ref());
            let crashed = waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some("CrashLoopBackOff"));
            let Some(attempt) = observed.container(&said.name).map(|container| container.attempt) else { continue };
            let memory = self.memory.containers.entry(said.name.clone()).or_default();
            if crashed && memory.announced != Some(attempt) {
                memory.announced = Some(attempt);
                let PodIdentity { uid, name, namespace } = &self.identity;
                let message =
                    format!("Back-off restarting failed container {} in pod {name}_{namespace}({uid})", said.name);
                self.notices.container_warning(&said.name, "BackOff", message);
            }
        }
    }

    pub(super) fn heed(&mut self, outcome: Outcome) {
        let memory = self.memory.container(&outcome.container);
        if memory.instance.id != outcome.id {
            return;
        }
        if let Some(trouble) = outcome.trouble {
            let kind = outcome.kind.title();
            self.notices.container_warning(&outcome.container, "Unhealthy", format!("{kind} probe {trouble}"));
        }
        let memory = self.memory.container(&outcome.container);
        match (outcome.kind, outcome.verdict) {
            (_, None) => {}
            (Kind::Readiness, Some(ready)) => memory.instance.ready = ready,
            (Kind::Startup, Some(true)) => memory.instance.started = true,
            (Kind::Startup, Some(false)) => memory.instance.failed = Some(Failing::Startup),
            (Kind::Liveness, Some(false)) => memory.instance.failed = Some(Failing::Liveness),
            (Kind::Liveness, Some(true)) => {}
        }
    }
}
