//! The scheduler: gives each pod without a node the node that suits it best.
//!
//! Invariants:
//! - One task holds the state and decides; it never waits for a write. A pod that was given a node counts
//!   there at once (it is *assumed*), so a binding that is under way never lets the node be given away twice.
//! - A pod that fits nowhere is looked at again when something happened that could cure its refusal, and not
//!   before.
//! - Only pods whose `schedulerName` is that of a profile are touched, and of them only `spec.nodeName` (through
//!   `binding`), `status.nominatedNodeName` and the condition `PodScheduled`. Their claims are told the node, and volumes
//!   their claim, first.
//! - Pods that make room for a more important one are told so in their status, then deleted; whoever waits for them is
//!   tried again when the last is gone.
//!
//! Reading order: [`publish`] (what is told), [`view`] (what is watched), [`queue`] (who waits for what), [`state`] (pure: what is known,
//! and the next action), [`act`] (the writes), and the loop below.

mod act;
mod awaiting;
mod bind_volumes;
mod metrics;
pub mod profiles;
mod publish;
mod queue;
mod state;
mod storage;
mod surroundings;
mod view;

use std::time::Duration;

use kube::Client;
use timonier_client::object::Object;
use timonier_client::watch::{Scope, Step, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::info;

use act::Actor;
use profiles::Profiles;
use state::{Action, Outcome, State};
use storage::StorageStep;
use surroundings::SurroundingStep;
use view::{NodeView, PodView};

/// The name that our events carry.
pub const SCHEDULER_NAME: &str = timonier_scheduling::pod::DEFAULT_SCHEDULER;

/// Steps and outcomes that may wait for the loop; the watches pause when it is behind.
const INBOX: usize = 4096;
/// Taken in at a time, and decided at a time: neither news nor decisions starve the other.
const NEWS_PER_TURN: usize = 512;
const DECISIONS_PER_TURN: usize = 64;
/// Bindings under way at a time. More would only queue up in the server.
const BINDINGS: usize = 256;

/// All that changes the scheduler's mind.
enum News {
    Pods(Box<Step<PodView>>),
    Nodes(Box<Step<NodeView>>),
    Storage(Box<StorageStep>),
    Surroundings(Box<SurroundingStep>),
    Bound(Outcome),
}

/// Schedules until `shutdown`. Bindings that are under way then are left to end by themselves.
pub async fn run(client: Client, profiles: Profiles, shutdown: CancellationToken) {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => return,
        () = publish::publish(&client, profiles.configuration()) => {}
    }
    let (inbox, mut news) = mpsc::channel(INBOX);
    follow(client.clone(), inbox.clone(), |step| News::Pods(Box::new(step)), &shutdown);
    follow(client.clone(), inbox.clone(), |step| News::Nodes(Box::new(step)), &shutdown);
    follow(client.clone(), inbox.clone(), |step| News::Storage(Box::new(StorageStep::Claims(step))), &shutdown);
    follow(client.clone(), inbox.clone(), |step| News::Storage(Box::new(StorageStep::Volumes(step))), &shutdown);
    follow(client.clone(), inbox.clone(), |step| News::Storage(Box::new(StorageStep::Classes(step))), &shutdown);
    follow(client.clone(), inbox.clone(), |step| around(SurroundingStep::Namespaces(step)), &shutdown);
    follow(client.clone(), inbox.clone(), |step| around(SurroundingStep::Budgets(step)), &shutdown);
    follow(client.clone(), inbox.clone(), |step| around(SurroundingStep::Drivers(step)), &shutdown);
    let actor = Actor::new(client, inbox, shutdown.clone());
    let mut state = State::new(rand::random(), profiles.into_each());
    let mut batch = Vec::with_capacity(NEWS_PER_TURN);
    info!("scheduler started");
    loop {
        let idle = !state.ready() || state.in_flight() >= BINDINGS || !state.has_work();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = news.recv_many(&mut batch, NEWS_PER_TURN) => {}
            () = wake_up(state.next_due()), if idle => {}
            () = std::future::ready(()), if !idle => {}
        }
        let now = Instant::now();
        for item in batch.drain(..) {
            match item {
                News::Pods(step) => state.pods(*step, now),
                News::Nodes(step) => state.nodes(*step),
                News::Storage(step) => state.storage(*step),
                News::Surroundings(step) => state.surroundings(*step),
                News::Bound(outcome) => state.bound(outcome, now),
            }
        }
        state.wake(now);
        state.show_pending();
        for _ in 0..DECISIONS_PER_TURN {
            if state.in_flight() >= BINDINGS {
                break;
            }
            match state.decide(now) {
                Some(Action::Bind(binding)) => actor.bind(binding),
                Some(Action::Report(refusal)) => actor.report(refusal),
                Some(Action::Preempt(displacement)) => actor.preempt(displacement),
                None => break,
            }
        }
    }
}

fn around(step: SurroundingStep) -> News {
    News::Surroundings(Box::new(step))
}

/// Hands on all steps of one watch. Decoding happens in this task, beside the loop.
fn follow<T: Object>(
    client: Client,
    inbox: mpsc::Sender<News>,
    wrap: fn(Step<T>) -> News,
    shutdown: &CancellationToken,
) {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut watcher = Watcher::<T>::new(client, T::RESOURCE, Scope::default());
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                step = watcher.next() => {
                    if inbox.send(wrap(step)).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
}

async fn wake_up(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => tokio::time::sleep(Duration::from_secs(3600)).await,
    }
}
