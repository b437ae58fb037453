//! Leader election on a Lease: of several replicas, the one that holds it acts.
//!
//! Whether a holder is late is judged by how long *we* have seen no change, on our monotonic clock: clocks of
//! other machines, and our own absence, never cost anybody the lead. A leader that cannot renew stops acting
//! before any other replica may start.

use std::time::Duration;

use jiff::Timestamp;
use kube::{Client, api::Patch};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    metrics,
    object::{Meta, Object, ObjectKey, Resource, Revision},
    watch::brief,
    writer::Writer,
};

/// Which Lease decides, and how patient everybody is. All replicas must agree on the durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseName {
    pub namespace: String,
    pub name: String,
    /// Others take over after seeing no renewal for this long.
    pub duration: Duration,
    /// The leader gives up when it could not renew for this long; shorter than `duration`.
    pub renew_within: Duration,
    /// Between two attempts.
    pub retry: Duration,
}

impl LeaseName {
    /// The durations of Kubernetes' components: 15 s, renewed within 10 s (two thirds), tried every 2 s.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> LeaseName {
        LeaseName {
            namespace: namespace.into(),
            name: name.into(),
            duration: Duration::from_secs(15),
            renew_within: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// The Lease as far as an election reads it.
#[derive(Debug, Clone, Deserialize)]
pub struct Lease {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: LeaseSpec,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseSpec {
    pub holder_identity: Option<String>,
    pub lease_transitions: Option<i32>,
}

impl Object for Lease {
    const KIND: &'static str = "Lease";
    const RESOURCE: Resource = Resource::of("coordination.k8s.io", "v1", "leases");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// One term of leadership. The holder works until `lost` is cancelled and then says [`Term::ended`].
pub struct Term {
    /// Cancelled when the lead is lost, or when shutdown begins.
    pub lost: CancellationToken,
    done: Option<oneshot::Sender<()>>,
}

impl Term {
    /// The work has stopped: the Lease may be released. Dropping the term says the same.
    pub fn ended(mut self) {
        self.done.take();
    }
}

/// Terms, one after the other, until shutdown.
pub struct Election {
    terms: mpsc::Receiver<Term>,
    task: tokio::task::JoinHandle<()>,
}

impl Election {
    /// Waits to be leader; None after shutdown.
    pub async fn elected(&mut self) -> Option<Term> {
        self.terms.recv().await
    }

    /// Waits until the Lease is released, after shutdown.
    pub async fn finished(self) {
        drop(self.terms);
        if let Err(error) = self.task.await {
            warn!("leader election ended badly: {error}");
        }
    }
}

/// Takes part in the election as `identity` until `shutdown`, then releases the Lease if it is held.
pub fn elect(client: Client, lease: LeaseName, identity: String, shutdown: CancellationToken) -> Election {
    let (sender, terms) = mpsc::channel(1);
    let candidate = Candidate {
        writer: Writer::new(client, "timonier-leader-election"),
        key: ObjectKey::namespaced(lease.namespace.as_str(), lease.name.as_str()),
        lease,
        identity,
        seen: None,
    };
    Election { terms, task: tokio::spawn(candidate.run(sender, shutdown)) }
}

/// The Lease as it was when it last changed, and when we saw that.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    revision: Revision,
    since: Instant,
}

#[derive(Debug, PartialEq)]
enum Move {
    Create,
    /// Write ourselves in, if the Lease is still at this revision.
    Take {
        revision: Revision,
        transitions: i32,
    },
    Renew {
        revision: Revision,
    },
    /// Somebody else holds it.
    Wait,
}

/// What to do about the Lease as it is; remembers when it last changed.
fn decide(found: Option<&Lease>, identity: &str, duration: Duration, seen: &mut Option<Seen>, now: Instant) -> Move {
    let Some(lease) = found else {
        *seen = None;
        return Move::Create;
    };
    let revision = lease.metadata.resource_version;
    if seen.is_none_or(|seen| seen.revision != revision) {
        *seen = Some(Seen { revision, since: now });
    }
    let transitions = lease.spec.lease_transitions.unwrap_or(0);
    match lease.spec.holder_identity.as_deref().unwrap_or("") {
        "" => Move::Take { revision, transitions: transitions + 1 },
        holder if holder == identity => Move::Renew { revision },
        _ if seen.is_some_and(|seen| now >= seen.since + duration) => {
            Move::Take { revision, transitions: transitions + 1 }
        }
        _ => Move::Wait,
    }
}

struct Candidate {
    writer: Writer,
    key: ObjectKey,
    lease: LeaseName,
    identity: String,
    seen: Option<Seen>,
}

impl Candidate {
    async fn run(mut self, terms: mpsc::Sender<Term>, shutdown: CancellationToken) {
        metrics::leads(&self.lease.name, false);
        while !shutdown.is_cancelled() {
            if self.attempt().await {
                info!(lease = %self.key, identity = self.identity, "became leader");
                let lost = shutdown.child_token();
                let (done, mut ended) = oneshot::channel::<()>();
                let term = Term { lost: lost.clone(), done: Some(done) };
                if terms.send(term).await.is_err() {
                    break;
                }
                metrics::leads(&self.lease.name, true);
                self.hold(&lost, &mut ended).await;
                metrics::leads(&self.lease.name, false);
                lost.cancel();
                // Only when the work has stopped may another start.
                if !ended.is_terminated() {
                    let _dropped = ended.await;
                }
                if shutdown.is_cancelled() {
                    self.release().await;
                } else {
                    warn!(lease = %self.key, "is no longer leader");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(self.lease.retry) => {}
            }
        }
    }

    /// Renews until the lead is lost, the work ends by itself, or shutdown.
    async fn hold(&mut self, lost: &CancellationToken, ended: &mut oneshot::Receiver<()>) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = lost.cancelled() => return,
                _ = &mut *ended => return,
                () = sleep(self.lease.retry) => {}
            }
            let left = (renewed + self.lease.renew_within).saturating_duration_since(Instant::now());
            let before = Instant::now();
            match timeout(left, self.attempt()).await {
                Ok(true) => renewed = before,
                Ok(false) | Err(_) => {
                    if Instant::now() >= renewed + self.lease.renew_within {
                        return;
                    }
                }
            }
        }
    }

    /// One look and, if it is ours to write, one write. True: we hold the Lease now.
    async fn attempt(&mut self) -> bool {
        match self.try_attempt().await {
            Ok(held) => held,
            Err(error) => {
                debug!(lease = %self.key, "election: {}", brief(&error));
                false
            }
        }
    }

    async fn try_attempt(&mut self) -> Result<bool, kube::Error> {
        let found = self.writer.read::<Lease>(&self.key).await?;
        let step = decide(found.as_ref(), &self.identity, self.lease.duration, &mut self.seen, Instant::now());
        let now = micro_time();
        match step {
            Move::Wait => Ok(false),
            Move::Create => {
                let body = json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": &*self.key.name, "namespace": self.key.namespace()},
                    "spec": {
                        "holderIdentity": self.identity,
                        "leaseDurationSeconds": self.lease.duration.as_secs().max(1),
                        "acquireTime": now, "renewTime": now, "leaseTransitions": 0,
                    },
                });
                self.writer.create::<Lease>(self.key.namespace(), &body).await?;
                Ok(true)
            }
            Move::Take { revision, transitions } => {
                let spec = json!({
                    "holderIdentity": self.identity,
                    "leaseDurationSeconds": self.lease.duration.as_secs().max(1),
                    "acquireTime": now, "renewTime": now, "leaseTransitions": transitions,
                });
                self.write(revision, spec).await?;
                Ok(true)
            }
            Move::Renew { revision } => {
                self.write(revision, json!({"renewTime": now})).await?;
                Ok(true)
            }
        }
    }

    /// The revision makes the write conditional: of two that try, one wins.
    async fn write(&mut self, revision: Revision, spec: Value) -> Result<(), kube::Error> {
        let patch = json!({"metadata": {"resourceVersion": revision.to_string()}, "spec": spec});
        let lease = self.writer.patch::<Lease>(&self.key, &Patch::Merge(patch)).await?;
        self.seen = Some(Seen { revision: lease.resource_version, since: Instant::now() });
        Ok(())
    }

    /// Lets the next leader start at once instead of after the lease's duration.
    async fn release(&mut self) {
        let Ok(Some(lease)) = self.writer.read::<Lease>(&self.key).await else {
            return;
        };
        if lease.spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        let spec = json!({"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time()});
        match self.write(lease.metadata.resource_version, spec).await {
            Ok(()) => info!(lease = %self.key, "released the lead"),
            Err(error) => warn!(lease = %self.key, "cannot release the lead: {}", brief(&error)),
        }
    }
}

/// Now, as Kubernetes writes a MicroTime.
pub fn micro_time() -> String {
    format!("{:.6}", Timestamp::now())
}

#[cfg(test)]
mod tests;
