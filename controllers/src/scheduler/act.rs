//! The writes: bindings, conditions, events. Each runs in a task of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use kube::Client;
use kube::api::{DeleteParams, Patch};
use serde_json::json;
use timonier_client::backoff::Backoff;
use timonier_client::events::{Recorder, Regarding};
use timonier_client::object::Object;
use timonier_client::watch::brief;
use timonier_client::writer::Writer;
use timonier_scheduling::pod::PREEMPTED_BY_SCHEDULER;
use timonier_scheduling::{DECIDED_AT, Pod};
use timonier_telemetry::span;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, warn};

use super::bind_volumes::{Unbound, bind_volumes};
use super::state::{Binding, Displacement, Nomination, Outcome, Refusal, key};
use super::view::PodView;
use super::{News, SCHEDULER_NAME, metrics};

/// Tries of one binding to one node before the decision is thought over.
const TRIES: u32 = 3;
/// Preemptions that are written at a time.
const PREEMPTIONS: usize = 64;
const BETWEEN_TRIES: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_millis(500) };

pub struct Actor {
    shared: Arc<Shared>,
}

struct Shared {
    writer: Writer,
    recorder: Recorder,
    inbox: mpsc::Sender<News>,
    preemptions: Semaphore,
}

impl Actor {
    pub fn new(client: Client, inbox: mpsc::Sender<News>, shutdown: CancellationToken) -> Actor {
        let recorder = Recorder::new(client.clone(), SCHEDULER_NAME, None, shutdown);
        Actor {
            shared: Arc::new(Shared {
                writer: Writer::new(client, SCHEDULER_NAME),
                recorder,
                inbox,
                preemptions: Semaphore::new(PREEMPTIONS),
            }),
        }
    }

    pub fn bind(&self, binding: Binding) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let span = span!("bind", otel.name = "schedule", pod = %key(&binding.pod), node = &*binding.node);
            let started = Instant::now();
            let outcome = shared.bind(&binding).instrument(span).await;
            metrics::bound(&binding.pod, matches!(outcome, Outcome::Settled { .. }), started.elapsed());
            // The loop has ended when nobody listens.
            let _ended = shared.inbox.send(News::Bound(outcome)).await;
        });
    }

    pub fn report(&self, refusal: Refusal) {
        metrics::unschedulable(&refusal.pod);
        self.shared.recorder.warning(regarding(&refusal.pod), "FailedScheduling", refusal.message.as_str());
        if refusal.is_news || refusal.nomination != Nomination::Unchanged {
            let shared = self.shared.clone();
            tokio::spawn(async move { shared.say_why(&refusal).await });
        }
    }

    /// Promises the node and tells the victims to end.
    pub fn preempt(&self, displacement: Displacement) {
        metrics::preemption(&displacement.refusal.pod, displacement.victims.len());
        let shared = self.shared.clone();
        self.shared.recorder.warning(
            regarding(&displacement.refusal.pod),
            "FailedScheduling",
            displacement.refusal.message.as_str(),
        );
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = shared.preemptions.acquire().await;
            shared.preempt(&displacement).await;
        });
    }
}

/// What an answer to a binding means.
enum Answer {
    Moot,
    Retry,
}

impl Shared {
    async fn bind(&self, binding: &Binding) -> Outcome {
        let Binding { pod, node, bindings, seen } = binding;
        if !bindings.is_empty() {
            match bind_volumes(&self.writer, binding).await {
                Ok(()) => {}
                Err(Unbound::Moot) => return Outcome::Settled { uid: pod.uid.clone() },
                Err(Unbound::Failed(error)) => {
                    warn!("cannot bind the volumes of pod {} on {node}: {error}", key(pod));
                    let message = format!("running PreBind plugin \"VolumeBinding\": binding volumes: {error}");
                    self.recorder.warning(regarding(pod), "FailedScheduling", message);
                    return Outcome::Failed { uid: pod.uid.clone() };
                }
            }
        }
        let body = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid,
                "annotations": {DECIDED_AT: seen.to_string()}},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let mut tries = 0;
        loop {
            tries += 1;
            let written = self.writer.create_subresource(&PodView::RESOURCE, &key(pod), "binding", &body).await;
            let Err(error) = written else {
                let message = format!("Successfully assigned {}/{} to {node}", pod.namespace, pod.name);
                self.recorder.normal(regarding(pod), "Scheduled", message);
                return Outcome::Settled { uid: pod.uid.clone() };
            };
            match answer(&error) {
                Answer::Moot => {
                    debug!("pod {} needs no binding to {node} any more: {}", key(pod), brief(&error));
                    return Outcome::Settled { uid: pod.uid.clone() };
                }
                // The same node again, since the first try may have been written all the same: the server
                // then says so, and no other node was promised meanwhile.
                Answer::Retry if tries < TRIES => tokio::time::sleep(BETWEEN_TRIES.jittered(tries)).await,
                Answer::Retry => {
                    warn!("cannot bind pod {} to {node}: {}", key(pod), brief(&error));
                    let message = format!("binding rejected: {}", brief(&error));
                    self.recorder.warning(regarding(pod), "FailedScheduling", message);
                    return Outcome::Failed { uid: pod.uid.clone() };
                }
            }
        }
    }

    async fn say_why(&self, Refusal { pod, message, nomination, seen, .. }: &Refusal) {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": format!("{:.0}", Timestamp::now()),
        });
        // The uid makes it a conflict to tell this to a namesake.
        let marks = json!({DECIDED_AT: seen.to_string()});
        let mut patch =
            json!({"metadata": {"uid": pod.uid, "annotations": marks}, "status": {"conditions": [condition]}});
        match nomination {
            Nomination::Unchanged => {}
            Nomination::Of(node) => patch["status"]["nominatedNodeName"] = json!(node),
            Nomination::Withdrawn => patch["status"]["nominatedNodeName"] = json!(null),
        }
        let patched = self.writer.patch_status::<PodView>(&key(pod), &Patch::Strategic(patch)).await;
        match patched {
            Ok(_) => {}
            Err(error) if matches!(answer(&error), Answer::Moot) => {}
            Err(error) => warn!("cannot tell pod {} why it waits: {}", key(pod), brief(&error)),
        }
    }
}

impl Shared {
    async fn preempt(&self, displacement: &Displacement) {
        let Displacement { refusal, node, victims, displaced } = displacement;
        self.say_why(refusal).await;
        for other in displaced {
            let patch = json!({"metadata": {"uid": other.uid}, "status": {"nominatedNodeName": null}});
            match self.writer.patch_status::<PodView>(&key(other), &Patch::Strategic(patch)).await {
                Err(error) if !matches!(answer(&error), Answer::Moot) => {
                    warn!("cannot take node {node} back from pod {}: {}", key(other), brief(&error));
                }
                _ => {}
            }
        }
        let living = victims.iter().filter(|victim| !victim.terminating);
        join_all(living.map(|victim| self.displace(victim, &refusal.pod, node))).await;
        // The loop has ended when nobody listens.
        let _ended = self.inbox.send(News::Bound(Outcome::Told { uid: refusal.pod.uid.clone() })).await;
    }

    async fn displace(&self, victim: &Pod, preemptor: &Pod, node: &str) {
        if let Err(error) = self.end(victim, preemptor).await {
            warn!("cannot make pod {} give way to {}: {}", key(victim), key(preemptor), brief(&error));
            // The loop has ended when nobody listens.
            let _ended = self.inbox.send(News::Bound(Outcome::Spared { uid: victim.uid.clone() })).await;
            return;
        }
        let message = format!("Preempted by pod {} on node {node}", preemptor.uid);
        self.recorder.normal(regarding(victim), "Preempted", message);
    }

    /// Says in a victim's status why it ends, and deletes it.
    async fn end(&self, victim: &Pod, preemptor: &Pod) -> Result<(), kube::Error> {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": PREEMPTED_BY_SCHEDULER,
            "message": format!("{}: preempting to accommodate a higher priority pod", preemptor.scheduler),
            "lastTransitionTime": format!("{:.0}", Timestamp::now()),
        });
        let patch = json!({"metadata": {"uid": victim.uid}, "status": {"conditions": [condition]}});
        let mut tries = 0;
        loop {
            tries += 1;
            let told = self.writer.patch_status::<PodView>(&key(victim), &Patch::Strategic(patch.clone())).await;
            let ended = match told {
                Ok(_) => {
                    let params = DeleteParams::default();
                    self.writer.delete(&PodView::RESOURCE, &key(victim), &victim.uid, params).await
                }
                Err(error) => Err(error),
            };
            match ended {
                Err(error) if matches!(answer(&error), Answer::Moot) => return Ok(()),
                Err(_) if tries < TRIES => tokio::time::sleep(BETWEEN_TRIES.jittered(tries)).await,
                other => return other,
            }
        }
    }
}

fn answer(error: &kube::Error) -> Answer {
    match error {
        // Gone, bound already, or another pod of that name.
        kube::Error::Api(status) if matches!(status.code, 404 | 409) => Answer::Moot,
        _ => Answer::Retry,
    }
}

fn regarding(pod: &Pod) -> Regarding {
    Regarding {
        kind: PodView::KIND.into(),
        api_version: PodView::RESOURCE.api_version().into(),
        namespace: Some(pod.namespace.clone()),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        field_path: None,
    }
}
