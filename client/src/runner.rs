//! Runs a controller: keys in, reconciles out.
//!
//! A reconcile is given a key and never an event; it reads the informers and writes through a [`Writer`].
//! See [`crate::queue`] for the laws of what runs when.

use std::{collections::HashMap, fmt::Debug, future::Future, hash::Hash, sync::Arc};

use kube::Client;
use timonier_telemetry::span;
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinSet},
    time::{Duration, Instant, interval_at, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, field, warn};

use crate::{
    informer::{Change, Informer},
    metrics::Work,
    object::{Object, Resource, Revision},
    queue::{Outcome, Queue},
    writer::Writer,
};

/// When to look at a key again if nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Settled,
    After(Duration),
}

/// A controller: one level-triggered step for one key.
pub trait Reconcile: Send + Sync + 'static {
    type Key: Clone + Ord + Hash + Debug + Send + Sync + 'static;
    type Error: std::fmt::Display + Send + 'static;

    /// Compares what is wanted with what is there and does what is missing. Must be safe to repeat.
    fn reconcile(&self, key: &Self::Key, writer: &Writer) -> impl Future<Output = Result<Next, Self::Error>> + Send;
}

/// Adds keys to a runner from anywhere.
pub struct Enqueue<K>(mpsc::UnboundedSender<K>);

impl<K> Clone for Enqueue<K> {
    fn clone(&self) -> Self {
        Enqueue(self.0.clone())
    }
}

impl<K> Enqueue<K> {
    /// Has no effect once the runner has ended.
    pub fn add(&self, key: K) {
        let _ended = self.0.send(key);
    }
}

type Keys<K> = Box<dyn Fn() -> Vec<K> + Send + Sync>;

/// Settings and wiring of one controller; [`Runner::run`] is its life.
pub struct Runner<R: Reconcile> {
    name: &'static str,
    client: Client,
    reconciler: Arc<R>,
    manager: String,
    workers: usize,
    pause: Duration,
    resync: Duration,
    sender: Enqueue<R::Key>,
    receiver: mpsc::UnboundedReceiver<R::Key>,
    watches: Vec<(Resource, watch::Receiver<Option<Revision>>)>,
    everything: Vec<Keys<R::Key>>,
}

impl<R: Reconcile> Runner<R> {
    /// `name` appears in logs; writes are made as field manager `kube-controller-manager` unless told otherwise.
    pub fn new(name: &'static str, client: Client, reconciler: Arc<R>) -> Runner<R> {
        let (sender, receiver) = mpsc::unbounded_channel();
        Runner {
            name,
            client,
            reconciler,
            manager: "kube-controller-manager".into(),
            workers: 16,
            pause: Duration::ZERO,
            resync: Duration::from_secs(10 * 60),
            sender: Enqueue(sender),
            receiver,
            watches: Vec::new(),
            everything: Vec::new(),
        }
    }

    /// The most reconciles that run at once; each is of another key.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// The shortest time between two runs of one key: a burst of events becomes one run.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How often every key of the primary resources is looked at without a reason.
    pub fn resync(mut self, every: Duration) -> Self {
        self.resync = every;
        self
    }

    pub fn manager(mut self, manager: impl Into<String>) -> Self {
        self.manager = manager.into();
        self
    }

    pub fn queue(&self) -> Enqueue<R::Key> {
        self.sender.clone()
    }

    /// The resource whose objects are the keys: mapped on each change and at each resync.
    pub fn primary<T: Object>(
        mut self,
        informer: &Informer<T>,
        map: impl Fn(&T) -> Option<R::Key> + Clone + Send + Sync + 'static,
    ) -> Self {
        let (objects, all_map) = (informer.clone(), map.clone());
        self.everything.push(Box::new(move || objects.all().iter().filter_map(|object| all_map(object)).collect()));
        self.watch(informer, move |change, queue| {
            if let Some(key) = change.new.or(change.old).and_then(|object| map(object)) {
                queue.add(key);
            }
        })
    }

    /// A further resource whose changes concern keys. Its revision counts as one of the key's watches: of several copies of
    /// one resource, that of the one that is furthest behind.
    pub fn watch<T: Object>(
        mut self,
        informer: &Informer<T>,
        map: impl Fn(Change<'_, T>, &Enqueue<R::Key>) + Send + Sync + 'static,
    ) -> Self {
        self.watches.push((informer.resource(), informer.reached()));
        let queue = self.queue();
        informer.on_change(move |change| map(change, &queue));
        self
    }

    /// Works until `shutdown`, then lets running reconciles end.
    pub async fn run(self, shutdown: CancellationToken) {
        let Runner { name, client, reconciler, manager, workers, pause, resync, watches, everything, .. } = self;
        let mut receiver = self.receiver;
        // Nothing is planned on half a picture.
        for (resource, reached) in &watches {
            let mut reached = reached.clone();
            tokio::select! {
                () = shutdown.cancelled() => return,
                seen = reached.wait_for(Option::is_some) => if seen.is_err() {
                    debug!(controller = name, %resource, "informer ended before its first list");
                },
            }
        }
        debug!(controller = name, "all watches have listed");
        let reached = |resource: &Resource| {
            let copies = watches.iter().filter(|(watched, _)| watched == resource);
            copies.map(|(_, reached)| reached.borrow().unwrap_or_default()).min()
        };
        let progress = Progress::of(watches.iter().map(|(_, reached)| reached.clone()));
        let mut queue = Queue::<R::Key>::new(pause);
        let mut running = JoinSet::new();
        let mut keys: HashMap<Id, (R::Key, Arc<Writer>, Instant)> = HashMap::new();
        let work_done = Work::of(name);
        let mut resyncs = interval_at(Instant::now() + resync, resync);

        loop {
            work_done.waiting(queue.waiting());
            while running.len() < workers
                && let Some(key) = queue.start(Instant::now())
            {
                let writer = Arc::new(Writer::new(client.clone(), manager.clone()));
                let (reconciler, key_there, writer_there) = (reconciler.clone(), key.clone(), writer.clone());
                let span =
                    span!("reconcile", otel.name = %format_args!("reconcile {name}"), key = ?key, error = field::Empty);
                let work = async move {
                    let result = reconciler.reconcile(&key_there, &writer_there).await;
                    // Before the key may be planned again, its doubtful writes must be certain.
                    writer_there.settle().await;
                    if let Err(error) = &result {
                        Span::current().record("error", field::display(error));
                    }
                    result
                };
                let task = running.spawn(work.instrument(span));
                keys.insert(task.id(), (key, writer, Instant::now()));
            }
            let wake = if running.len() < workers { queue.wake() } else { None };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = running.join_next_with_id() => {
                    let (id, result) = match ended {
                        Ok((id, result)) => (id, result.map_err(|error: R::Error| error.to_string())),
                        Err(error) => (error.id(), Err(error.to_string())),
                    };
                    let Some((key, writer, started)) = keys.remove(&id) else { continue };
                    work_done.ended(started.elapsed(), result.is_err());
                    let outcome = match &result {
                        Ok(Next::Settled) => Outcome::Settled,
                        Ok(Next::After(delay)) => Outcome::After(*delay),
                        Err(_) => Outcome::Failed,
                    };
                    queue.finish(key.clone(), Instant::now(), outcome, writer.take_written(), reached);
                    if let Err(error) = result {
                        complain(name, &key, queue.failures(&key), &error);
                    }
                }
                Some(key) = receiver.recv() => {
                    let now = Instant::now();
                    queue.want(key, now);
                    work_done.added();
                    while let Ok(key) = receiver.try_recv() {
                        work_done.added();
                        queue.want(key, now);
                    }
                }
                () = progress.changed() => queue.caught_up(Instant::now(), reached),
                () = wait_until(wake) => queue.caught_up(Instant::now(), reached),
                _ = resyncs.tick() => {
                    let now = Instant::now();
                    queue.sweep(now);
                    everything.iter().flat_map(|keys| keys()).for_each(|key| queue.want(key, now));
                }
            }
        }
        let drain = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drain).await.is_err() {
            warn!(controller = name, "steps were still running after {} s; they are dropped", DRAIN.as_secs());
        }
    }
}

/// How long running steps may take to end after shutdown.
const DRAIN: Duration = Duration::from_secs(10);

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A conflict or two is the ordinary price of optimistic writes; what lasts is worth a line.
fn complain(name: &str, key: &impl Debug, failures: u32, error: &str) {
    if failures < 3 {
        debug!(controller = name, ?key, failures, "{error}; will try again");
    } else {
        warn!(controller = name, ?key, failures, "{error}; will try again");
    }
}

/// Wakes when any of several watches has moved.
struct Progress {
    moved: Arc<tokio::sync::Notify>,
    _listeners: JoinSet<()>,
}

impl Progress {
    fn of(watches: impl Iterator<Item = watch::Receiver<Option<Revision>>>) -> Progress {
        let moved = Arc::new(tokio::sync::Notify::new());
        let mut listeners = JoinSet::new();
        for mut reached in watches {
            let moved = moved.clone();
            listeners.spawn(async move {
                while reached.changed().await.is_ok() {
                    moved.notify_one();
                }
            });
        }
        Progress { moved, _listeners: listeners }
    }

    async fn changed(&self) {
        self.moved.notified().await;
    }
}

#[cfg(test)]
mod tests;
