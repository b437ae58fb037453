//! The task that sends transactions: one group after the other, each all that came while etcd had the one before.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{TxnOpResponse, TxnResponse};
use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Shared;
use super::commit::{outcome, refusal};
use super::connection::Failure;
use super::group::{Group, Outcome, Request};
use crate::trail::Trail;
use crate::{CommitError, Txn};

/// Transactions that may wait here; more wait before.
const QUEUE: usize = 4096;
enum Order {
    Commit(Request),
    Close { done: oneshot::Sender<()> },
}

/// A handle to the task.
#[derive(Clone)]
pub(super) struct Committer {
    orders: mpsc::Sender<Order>,
}

impl Committer {
    pub(super) fn start(shared: Arc<Shared>, tasks: &mut JoinSet<()>) -> Committer {
        let (orders, waiting) = mpsc::channel(QUEUE);
        tasks.spawn(run(shared, waiting));
        Committer { orders }
    }

    pub(super) async fn commit(&self, txn: Txn) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let order = Order::Commit(Request { txn, answer, trail: Trail::begin("store queue") });
        let closed = || "the store was closed".to_owned();
        self.orders.send(order).await.map_err(|_| CommitError::Unavailable(closed()))?;
        answered.await.unwrap_or_else(|_| Err(CommitError::Unknown(closed())))
    }

    /// Returns when everything queued before is answered, or after `patience`.
    pub(super) async fn close(&self, patience: Duration) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close { done }).await.is_ok() {
            let _given_up = tokio::time::timeout(patience, closed).await;
        }
    }
}

async fn run(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Order>) {
    // What etcd has answered, and waits for its watch.
    let mut done = JoinSet::new();
    let mut next = None;
    loop {
        let order = match next.take() {
            Some(order) => order,
            None => match waiting.recv().await {
                Some(order) => order,
                None => return,
            },
        };
        match order {
            // Where nothing can be shared, nobody waits for another either.
            Order::Commit(request) if !shared.layout.numbering().is_shared() => {
                let shared = shared.clone();
                done.spawn(async move { send_alone(&shared, request).await });
                while done.try_join_next().is_some() {}
            }
            Order::Commit(first) => {
                // Those who are about to ask do so first; where nobody is, this is nothing.
                tokio::task::yield_now().await;
                let mut group = Group::of(first);
                next = fill(&mut group, &mut waiting);
                send(&shared, group, &mut done).await;
                while done.try_join_next().is_some() {}
            }
            Order::Close { done: answer } => {
                waiting.close();
                while done.join_next().await.is_some() {}
                // What came behind the order to close is not begun, and its outcome is not unknown.
                while let Some(order) = waiting.recv().await {
                    refuse(order);
                }
                let _ = answer.send(());
                return;
            }
        }
    }
}

fn refuse(order: Order) {
    match order {
        Order::Commit(Request { answer, trail, .. }) => {
            drop(trail);
            let _ = answer.send(Err(CommitError::Unavailable("the store was closed".to_owned())));
        }
        Order::Close { done } => {
            let _ = done.send(());
        }
    }
}

/// Adds what waits. Returns the order that did not fit.
fn fill(group: &mut Group, waiting: &mut mpsc::Receiver<Order>) -> Option<Order> {
    while let Ok(order) = waiting.try_recv() {
        match order {
            Order::Commit(request) => {
                if let Err(request) = group.add(request) {
                    return Some(Order::Commit(request));
                }
            }
            close => return Some(close),
        }
    }
    None
}

/// Sends a group; those who wait for it are answered by a task among `done`.
async fn send(shared: &Arc<Shared>, mut group: Group, done: &mut JoinSet<()>) {
    group.step("etcd transaction");
    match exchange(shared, &group).await {
        // This etcd takes less at once, which it says before it does anything.
        Err(Problem::Failed(failure)) if failure.is_limit() && group.requests.len() > 1 => {
            join_all(group.requests.into_iter().map(|request| send_alone(shared, request))).await;
        }
        answer => {
            let shared = shared.clone();
            done.spawn(async move { finish(&shared, group, answer).await });
        }
    }
}

async fn send_alone(shared: &Shared, request: Request) {
    let mut alone = Group::of(request);
    alone.step("etcd transaction");
    let answer = exchange(shared, &alone).await;
    finish(shared, alone, answer).await;
}

enum Problem {
    NotSent(String),
    Failed(Failure),
}

async fn exchange(shared: &Shared, group: &Group) -> Result<TxnResponse, Problem> {
    shared.connection.ready().await.map_err(Problem::NotSent)?;
    let mut kv = shared.connection.kv();
    let sent = shared.connection.call(kv.txn(group.translate(&shared.layout))).await;
    sent.map_err(Problem::Failed)
}

async fn finish(shared: &Shared, mut group: Group, answer: Result<TxnResponse, Problem>) {
    group.step("store publish");
    let etcd = match &answer {
        Ok(answer) => answer.header().map_or(0, |header| header.revision()),
        Err(_) => 0,
    };
    // Also after conflicts: whoever tries again must not see the old state again.
    let reached = shared.hub.reached(shared.layout.revision(etcd));
    let seen = tokio::time::timeout(shared.connection.timeout(), reached).await.is_ok();
    let outcomes: Vec<Outcome> = match &answer {
        Ok(answer) => outcomes(shared, &group, etcd, seen, answer),
        Err(Problem::NotSent(problem)) => {
            group.requests.iter().map(|_| Err(CommitError::Unavailable(problem.clone()))).collect()
        }
        Err(Problem::Failed(failure)) => {
            group.requests.iter().map(|request| Err(refusal(failure, &request.txn))).collect()
        }
    };
    for (Request { answer, trail, .. }, outcome) in group.requests.into_iter().zip(outcomes) {
        // Its span ends before that of who waits for it.
        drop(trail);
        // Who no longer waits does not hear of it.
        let _ = answer.send(outcome);
    }
}

/// What became of each transaction; etcd's own was done at its revision `etcd`.
fn outcomes(shared: &Shared, group: &Group, etcd: i64, seen: bool, answer: &TxnResponse) -> Vec<Outcome> {
    if let [alone] = &group.requests[..] {
        return vec![outcome(shared, &alone.txn, shared.layout.numbering().at(etcd, 0), seen, answer)];
    }
    let nested = answer.op_responses().into_iter().filter_map(|answer| match answer {
        TxnOpResponse::Txn(answer) => Some(answer),
        _ => None,
    });
    let of_each = (0..).zip(&group.requests).zip(nested).map(|((place, request), answer)| {
        outcome(shared, &request.txn, shared.layout.numbering().at(etcd, place), seen, &answer)
    });
    let missing = || Err(CommitError::Unknown("etcd's answer says nothing of it".to_owned()));
    of_each.chain(std::iter::repeat_with(missing)).take(group.requests.len()).collect()
}
