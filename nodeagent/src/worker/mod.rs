//! One worker a pod. Each turn it looks at what the runtime has, says what it sees, and takes one step.

mod act;
mod image;
mod notices;
mod report;
mod sources;

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Client;
use notices::Notices;
use report::Reporter;
use timonier_client::events::Recorder;
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    config::Timings,
    desired,
    memory::{Failure, ImageState, Memory, Probes, later},
    observed::{ObservedPod, PodIdentity},
    plan::{self, Step, Wish, plan, wish},
    probes::{self, Outcome, Probers},
    runtime::{HostFacts, Runtime},
    status,
};

/// What all workers of an agent share.
pub struct Shared<R> {
    pub runtime: Arc<R>,
    pub client: Client,
    pub recorder: Recorder,
    pub node_name: String,
    pub state_dir: PathBuf,
    pub facts: HostFacts,
    pub timings: Timings,
    /// Status writes at once.
    pub reports: Arc<Semaphore>,
}

/// What the API server says of a worker's pod.
#[derive(Clone)]
pub enum Order {
    Pod(Arc<Pod>),
    /// It has the pod no more; seconds that its containers get to end.
    Gone {
        grace: i64,
    },
}

pub struct Worker<R> {
    shared: Arc<Shared<R>>,
    identity: PodIdentity,
    orders: watch::Receiver<Order>,
    wake: Arc<Notify>,
    pod: Option<Arc<Pod>>,
    order: Order,
    memory: Memory,
    said: PodStatus,
    unsaid_since: Option<Instant>,
    reporter: Reporter,
    notices: Notices,
    probers: Probers,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

/// How long to leave a runtime alone that did not answer.
const RUNTIME_RETRY: SignedDuration = SignedDuration::from_secs(1);
/// A status may wait this long for the next step to change it again.
const PATIENCE: Duration = Duration::from_millis(20);
/// A failed pull is shown as such for a moment, then as waiting for the next.
const PULL_ERROR_SHOWN: SignedDuration = SignedDuration::from_secs(1);

impl<R: Runtime> Worker<R> {
    pub fn new(
        shared: Arc<Shared<R>>,
        identity: PodIdentity,
        orders: watch::Receiver<Order>,
        wake: Arc<Notify>,
    ) -> Self {
        let (tell, outcomes) = mpsc::unbounded_channel();
        let reporter = Reporter::new(
            shared.client.clone(),
            shared.reports.clone(),
            identity.namespace.clone(),
            identity.name.clone(),
            identity.uid.clone(),
        );
        let notices = Notices::new(shared.recorder.clone(), &identity, R::SIMULATED);
        let order = orders.borrow().clone();
        Worker {
            shared,
            identity,
            orders,
            wake,
            pod: None,
            order,
            memory: Memory::default(),
            said: PodStatus::default(),
            unsaid_since: None,
            reporter,
            notices,
            probers: Probers::new(tell),
            outcomes,
        }
    }

    /// Ends when nothing is left of the pod, here or in the API. Safe to drop at any point: the next worker goes on.
    pub async fn run(mut self) {
        self.begin().await;
        loop {
            self.take_order();
            let observed = match self.shared.runtime.observe(&self.identity.uid).await {
                Ok(observed) => observed,
                Err(error) => {
                    tracing::debug!(pod = self.identity.name, %error, "runtime did not answer");
                    self.idle(Some(later(Timestamp::now(), RUNTIME_RETRY))).await;
                    continue;
                }
            };
            let now = Timestamp::now();
            self.refresh(&observed, now);
            let wish = self.wish();
            self.publish(&observed, wish, now);
            let step = plan(&plan::Input {
                pod: self.pod.as_deref(),
                wish,
                observed: &observed,
                memory: &self.memory,
                timings: &self.shared.timings,
                now,
            });
            match step {
                Step::Done => return,
                Step::Wait { until } => self.idle(until.into_iter().chain(self.appointments(now)).min()).await,
                step => {
                    tracing::debug!(pod = self.identity.name, ?step, "step");
                    self.report_if_overdue();
                    self.act(step, &observed).await;
                }
            }
        }
    }

    /// What an earlier agent left: told to runtimes that forget, and remembered of those that lost something.
    async fn begin(&mut self) {
        self.take_order();
        let Some(pod) = self.pod.clone() else { return };
        if R::SIMULATED {
            let recalled = status::recall(&pod);
            if !recalled.is_empty() {
                self.shared.runtime.adopt(&self.identity, desired::grace(&pod), recalled).await;
            }
        }
        self.said = pod.status.clone().unwrap_or_default();
        for said in self.said.container_statuses.iter().flatten().filter(|said| said.container_id.is_some()) {
            let next = u32::try_from(said.restart_count).unwrap_or(0).saturating_add(1);
            self.memory.container(&said.name).restarts_before = Some(next);
        }
    }

    fn take_order(&mut self) {
        self.order = self.orders.borrow_and_update().clone();
        if let Order::Pod(pod) = self.order.clone() {
            self.reporter.seen(&pod);
            self.adopt_foreign_conditions(&pod);
            self.pod = Some(pod);
        }
    }

    /// Conditions that others write are theirs.
    fn adopt_foreign_conditions(&mut self, pod: &Pod) {
        let status = pod.status.clone().unwrap_or_default();
        let mut conditions = self.said.conditions.take().unwrap_or_default();
        conditions.retain(|condition| status::OWN_CONDITIONS.contains(&condition.type_.as_str()));
        for theirs in status.conditions.into_iter().flatten() {
            if !conditions.iter().any(|condition| condition.type_ == theirs.type_) {
                conditions.push(theirs);
            }
        }
        self.said.conditions = Some(conditions);
        self.said.qos_class = status.qos_class;
    }

    fn wish(&self) -> Wish {
        match (&self.order, &self.pod) {
            (Order::Gone { grace }, _) => Wish::Remove { grace: *grace, finalize: false },
            (Order::Pod(_), Some(pod)) => wish(pod, &self.memory),
            (Order::Pod(_), None) => Wish::Run,
        }
    }

    /// Brings the memory up to what is there now.
    fn refresh(&mut self, observed: &ObservedPod, now: Timestamp) {
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.heed(outcome);
        }
        self.memory.stopping.retain(|id, _| observed.running().any(|container| container.id == *id));
        let Some(pod) = self.pod.clone() else { return };
        for wanted in &desired::spec(&pod).containers {
            let Some(newest) = observed.container(&wanted.name) else { continue };
            let said = self.said.container_statuses.iter().flatten().find(|said| said.name == wanted.name);
            let known = said.filter(|said| said.container_id.as_deref().is_some_and(|id| id.ends_with(&newest.id)));
            let (started, ready) = known.map_or((false, false), |said| (said.started == Some(true), said.ready));
            let memory = self.memory.container(&wanted.name);
            if memory.probes.id != newest.id {
                memory.probes = Probes { id: newest.id.clone(), started, ready, failed: None };
            }
        }
        self.announce_pull_back_off(&pod, now);
        self.check_deadline(&pod, now);
        if R::SIMULATED {
            for probes in self.memory.containers.values_mut().map(|memory| &mut memory.probes) {
                (probes.started, probes.ready) = (true, true);
            }
        } else {
            let host = self.shared.runtime.host_address();
            self.probers.sync(&pod, observed, &self.memory, host);
        }
    }

    fn announce_pull_back_off(&mut self, pod: &Pod, now: Timestamp) {
        for wanted in &desired::spec(pod).containers {
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
    fn appointments(&self, now: Timestamp) -> Vec<Timestamp> {
        let pulls = self.memory.containers.values().filter_map(|memory| match &memory.image {
            ImageState::Failed(retry) if retry.reason == "ErrImagePull" => {
                Some(later(retry.at, PULL_ERROR_SHOWN - retry.delay))
            }
            _ => None,
        });
        let deadline = self.pod.as_deref().and_then(|pod| self.deadline(pod));
        pulls.chain(deadline).filter(|at| *at > now).collect()
    }

    /// Says what is, unless the last word was spoken.
    fn publish(&mut self, observed: &ObservedPod, wish: Wish, now: Timestamp) {
        let Some(pod) = self.pod.clone() else { return };
        if matches!(self.order, Order::Gone { .. }) || self.memory.end_reported {
            return;
        }
        self.said = status::status(&status::Input {
            pod: &pod,
            wish,
            observed,
            memory: &self.memory,
            previous: &self.said,
            host_ip: self.shared.runtime.host_address(),
            scheme: R::SCHEME,
            timings: &self.shared.timings,
            now,
        });
        self.announce_crashes(observed);
        self.reporter.want(&self.said);
        if self.reporter.is_clean() {
            self.unsaid_since = None;
        } else {
            self.unsaid_since.get_or_insert_with(Instant::now);
        }
    }

    fn announce_crashes(&mut self, observed: &ObservedPod) {
        for said in self.said.container_statuses.iter().flatten() {
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

    fn report_if_overdue(&mut self) {
        self.reporter.collect();
        if self.unsaid_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.reporter.start();
        }
    }

    fn heed(&mut self, outcome: Outcome) {
        let memory = self.memory.container(&outcome.container);
        if memory.probes.id != outcome.id {
            return;
        }
        if let Some(trouble) = outcome.trouble {
            let kind = outcome.kind.title();
            self.notices.container_warning(&outcome.container, "Unhealthy", format!("{kind} probe {trouble}"));
        }
        let memory = self.memory.container(&outcome.container);
        match (outcome.kind, outcome.verdict) {
            (_, None) => {}
            (probes::Kind::Readiness, Some(ready)) => memory.probes.ready = ready,
            (probes::Kind::Startup, Some(true)) => memory.probes.started = true,
            (kind, Some(false)) => memory.probes.failed = Some(kind.name()),
            (probes::Kind::Liveness, Some(true)) => {}
        }
    }

    /// Until something happens, or `until`, or it is time for the slow look.
    async fn idle(&mut self, until: Option<Timestamp>) {
        let now = Timestamp::now();
        let left = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        let rest = until.map_or(Duration::MAX, left).min(self.shared.timings.relist);
        tokio::select! {
            changed = self.orders.changed() => {
                if changed.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            () = self.wake.notified() => {}
            outcome = self.outcomes.recv() => {
                if let Some(outcome) = outcome {
                    self.heed(outcome);
                }
            }
            () = self.reporter.work() => {}
            () = sleep_until(Instant::now() + rest) => {}
        }
    }
}
