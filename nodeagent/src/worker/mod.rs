//! One worker a pod. Each turn it looks at what the runtime has, says what it sees, and takes one step.

mod act;
mod end;
mod farewell;
mod furnish;
mod hooks;
mod image;
mod look;
mod notices;
mod pull;
mod report;
mod resize;
mod sources;
mod tokens;
mod upkeep;

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Client;
use notices::Notices;
use report::Reporter;
use timonier_client::{Informer, events::Recorder};
use timonier_telemetry::span;
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::Instrument;
use upkeep::Upkeep;

use crate::{
    config::Timings,
    desired::service_links::Service,
    followed::Watches,
    hooks::Hooks,
    hosting::Hosting,
    images::Records,
    memory::{Memory, later},
    metrics,
    observed::{ObservedPod, PodIdentity},
    plan::{self, Step, Wish, plan, wish},
    probes::{Outcome, Probers},
    rulings::Rulings,
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
    pub hosting: Hosting,
    /// All Services, for the variables that tell of them.
    pub services: Informer<Service>,
    /// What others decided about pods.
    pub rulings: Rulings,
    /// Pulls at once.
    pub pulls: Semaphore,
    /// The images that were pulled.
    pub images: Arc<Records>,
    /// Status writes at once.
    pub reports: Arc<Semaphore>,
    /// Of what mounted volumes show.
    pub watches: Watches,
}

/// What the API server says of a worker's pod.
#[derive(Clone)]
pub enum Order {
    Pod(Arc<Pod>),
    /// It comes from a file; what the API server has is its mirror, if anything.
    Static {
        pod: Arc<Pod>,
        mirror: Option<Arc<Pod>>,
    },
    /// It has the pod no more; seconds that its containers get to end.
    Gone {
        grace: i64,
    },
}

impl Order {
    /// Whether the pod is to end, be it at once or in its grace period.
    fn ends_it(&self) -> bool {
        match self {
            Order::Pod(pod) => pod.metadata.deletion_timestamp.is_some(),
            Order::Static { .. } => false,
            Order::Gone { .. } => true,
        }
    }
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
    upkeep: Upkeep,
    hooks: Hooks,
}

/// How long to leave a runtime alone that did not answer.
const RUNTIME_RETRY: SignedDuration = SignedDuration::from_secs(1);
/// A status may wait this long for the next step to change it again.
const PATIENCE: Duration = Duration::from_millis(20);

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
            upkeep: Upkeep::default(),
            hooks: Hooks::default(),
        }
    }

    /// Ends when nothing is left of the pod, here or in the API. Safe to drop at any point: the next worker goes on.
    pub async fn run(mut self) {
        self.begin();
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
            self.read_messages(&observed).await;
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
                Step::Wait { .. } if self.keep_volumes(&observed, wish).await => {}
                Step::Wait { until } => self.idle(until.into_iter().chain(self.appointments(now)).min()).await,
                step => {
                    tracing::debug!(pod = self.identity.name, ?step, "step");
                    self.report_if_overdue();
                    let (name, started) = (step.name(), Instant::now());
                    let span = span!("step", otel.name = %format_args!("step {name}"), step = ?step, pod = &*self.identity.name, namespace = &*self.identity.namespace);
                    self.act(step, &observed).instrument(span).await;
                    metrics::stepped(name, started.elapsed());
                }
            }
        }
    }

    /// What an earlier agent said, in case the runtime has lost what it was about.
    fn begin(&mut self) {
        self.take_order();
        let Some(pod) = self.pod.clone() else { return };
        self.said = pod.status.clone().unwrap_or_default();
        // Whoever started it had admitted it.
        if !R::SIMULATED && self.said.start_time.is_none() {
            self.admit(&pod);
        }
        let lists = [&self.said.init_container_statuses, &self.said.container_statuses];
        let said = lists.into_iter().flatten().flatten().filter(|said| said.container_id.is_some());
        for said in said {
            let next = u32::try_from(said.restart_count).unwrap_or(0).saturating_add(1);
            self.memory.container(&said.name).restarts_before = Some(next);
        }
    }

    fn take_order(&mut self) {
        self.order = self.orders.borrow_and_update().clone();
        if let Order::Pod(pod) = self.order.clone() {
            self.reporter.seen(&pod);
            self.keep_what_others_said(&pod);
            self.notices.know(&pod);
            self.pod = Some(pod);
        }
        if let Order::Static { pod, mirror } = self.order.clone() {
            self.reporter.address(mirror.as_deref());
            self.notices.know(&pod);
            self.pod = Some(pod);
        }
        self.heed_ruling();
    }

    /// What others write of a pod's status is theirs.
    fn keep_what_others_said(&mut self, pod: &Pod) {
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
        // Somebody else may end a pod for good, too.
        if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
            self.said.phase = status.phase;
            self.said.reason = status.reason;
            self.said.message = status.message;
        }
    }

    fn wish(&self) -> Wish {
        match (&self.order, &self.pod) {
            (Order::Gone { grace }, _) => Wish::Remove { grace: *grace, finalize: false },
            (Order::Pod(_) | Order::Static { .. }, Some(pod)) => wish(pod, &self.memory),
            (Order::Pod(_) | Order::Static { .. }, None) => Wish::Run,
        }
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

    fn report_if_overdue(&mut self) {
        self.reporter.collect();
        // Simulated steps take no time: what is late is this process, and saying more would not help it.
        if !R::SIMULATED && self.unsaid_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.reporter.start();
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
            outcome = self.hooks.next() => self.hook_done(outcome),
            () = self.reporter.work() => {}
            () = sleep_until(Instant::now() + rest) => {}
        }
    }
}
