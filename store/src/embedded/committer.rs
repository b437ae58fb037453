//! The one thread that writes: it takes all transactions that wait, does them in order, puts them
//! on disk with one sync, publishes, answers.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::directory::Directory;
use super::history::History;
use super::log::{AppendError, Log};
use super::record::Head;
use super::{frame, record};
use crate::hub::Hub;
use crate::pool::Pool;
use crate::stage::Stage;
use crate::timeline::now;
use crate::trail::Trail;
use crate::{CommitError, Event, ReadError, Revision, Txn};

/// Transactions that may wait; more wait before they are queued.
const QUEUE: usize = 4096;
/// One sync carries at most this many transactions and about this many bytes.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 8 << 20;
/// With nothing to do for this long, the thread tidies up.
const IDLE: Duration = Duration::from_millis(50);

type Outcome = Result<Revision, CommitError>;

enum Request {
    Commit(Commit),
    Oldest { revision: Revision, answer: oneshot::Sender<Result<(), String>> },
    Close { answer: oneshot::Sender<()> },
}

struct Commit {
    txn: Txn,
    answer: oneshot::Sender<Outcome>,
    trail: Trail,
    _place: OwnedSemaphorePermit,
}

/// A handle to the thread, which ends with the last handle.
#[derive(Clone)]
pub(crate) struct Committer {
    requests: Sender<Request>,
    places: Arc<Semaphore>,
}

impl Committer {
    pub(crate) fn start(
        hub: Arc<Hub>,
        history: Arc<History>,
        log: Log,
        pool: Arc<Pool>,
        segment_bytes: u64,
        directory: Directory,
    ) -> Committer {
        let (requests, waiting) = mpsc::channel();
        let stage = Stage::new(&hub.snapshot(), pool);
        let writer = Writer { hub, history, log, stage, segment_bytes, frames: Vec::new(), _directory: directory };
        std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || writer.run(waiting))
            .expect("the system starts a thread");
        Committer { requests, places: Arc::new(Semaphore::new(QUEUE)) }
    }

    pub(crate) async fn commit(&self, txn: Txn) -> Outcome {
        let closed = || CommitError::Unavailable("the store was closed".to_owned());
        let trail = Trail::begin("store queue");
        let place = self.places.clone().acquire_owned().await;
        let (answer, answered) = oneshot::channel();
        let request = Request::Commit(Commit { txn, answer, trail, _place: place.map_err(|_| closed())? });
        self.requests.send(request).map_err(|_| closed())?;
        // Dropped unanswered: the thread ended before it came to this request.
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Notes durably that the history now begins at `revision`.
    pub(crate) async fn note_oldest(&self, revision: Revision) -> Result<(), ReadError> {
        let (answer, answered) = oneshot::channel();
        let closed = || ReadError::Unavailable("the store was closed".to_owned());
        let request = Request::Oldest { revision, answer };
        self.requests.send(request).map_err(|_| closed())?;
        let noted = answered.await.map_err(|_| closed())?;
        noted.map_err(ReadError::Unavailable)
    }

    /// Returns when everything queued before is done and the files are closed.
    pub(crate) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request::Close { answer }).is_ok() {
            let _ = answered.await;
        }
    }
}

struct Writer {
    hub: Arc<Hub>,
    history: Arc<History>,
    log: Log,
    stage: Stage,
    segment_bytes: u64,
    /// The frames of the batch; kept for its memory.
    frames: Vec<u8>,
    /// Holds the lock for as long as this thread may write.
    _directory: Directory,
}

/// The transactions of one sync.
#[derive(Default)]
struct Batch {
    events: Vec<Arc<Event>>,
    outcomes: Vec<Done>,
    time: u64,
}

/// A transaction that waits for the sync.
struct Done {
    answer: oneshot::Sender<Outcome>,
    outcome: Outcome,
    trail: Trail,
}

impl Writer {
    fn run(mut self, waiting: Receiver<Request>) {
        let mut next = None;
        loop {
            let request = match next.take() {
                Some(request) => request,
                None => match waiting.recv_timeout(IDLE) {
                    Ok(request) => request,
                    Err(RecvTimeoutError::Timeout) => {
                        self.log.settle();
                        match waiting.recv() {
                            Ok(request) => request,
                            Err(_) => break,
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            match request {
                Request::Commit(first) => next = self.commit_all(first, &waiting),
                Request::Oldest { revision, answer } => {
                    let noted = self.log.raise_oldest(revision);
                    let _ = answer.send(noted.map_err(|error| error.to_string()));
                }
                Request::Close { answer } => {
                    self.log.settle();
                    drop(self);
                    let _ = answer.send(());
                    return;
                }
            }
        }
        self.log.settle();
    }

    /// Commits a first transaction and those that wait behind it. Returns the request that ended
    /// the batch, if it was one of another kind.
    fn commit_all(&mut self, first: Commit, waiting: &Receiver<Request>) -> Option<Request> {
        let mut batch = Batch { time: now(), ..Batch::default() };
        self.frames.clear();
        self.add(&mut batch, first);
        let mut other = None;
        while batch.outcomes.len() < BATCH && self.frames.len() < BATCH_BYTES {
            match waiting.try_recv() {
                Ok(Request::Commit(commit)) => self.add(&mut batch, commit),
                Ok(request) => {
                    other = Some(request);
                    break;
                }
                Err(_) => break,
            }
        }
        self.finish(batch);
        other
    }

    fn add(&mut self, batch: &mut Batch, commit: Commit) {
        let Commit { txn, answer, mut trail, .. } = commit;
        trail.next("store sync");
        let previous = self.stage.revision();
        let outcome = self.stage.apply(txn).map(|events| {
            let revision = self.stage.revision();
            if !events.is_empty() {
                let head = Head { revision, previous, synced: self.log.last(), time: batch.time };
                frame::put(&mut self.frames, |out| record::encode(out, &head, &events));
                batch.events.extend(events);
            }
            revision
        });
        batch.outcomes.push(Done { answer, outcome, trail });
    }

    fn finish(&mut self, mut batch: Batch) {
        if !batch.events.is_empty() {
            let last = self.stage.revision();
            if let Err(error) = self.log.append(&self.frames, last) {
                // Nobody saw these changes: the next transactions start from what was published.
                self.stage.reset(&self.hub.snapshot());
                for Done { answer, outcome, trail } in batch.outcomes {
                    drop(trail);
                    let _ = answer.send(Err(failed(&error, outcome)));
                }
                return;
            }
            batch.outcomes.iter_mut().for_each(|done| done.trail.next("store publish"));
            self.history.grow(last, self.log.size(), batch.time);
            self.hub.publish(self.stage.snapshot(), batch.events);
            self.hub.note_time(batch.time, last);
        }
        for Done { answer, outcome, trail } in batch.outcomes {
            // Its span ends before that of who waits for it.
            drop(trail);
            let _ = answer.send(outcome);
        }
        if self.log.size() >= self.segment_bytes {
            match self.log.roll() {
                Ok(segment) => self.history.add(segment),
                Err(error) => tracing::warn!("beginning a new log file: {error}"),
            }
        }
    }
}

/// What to answer when the batch was not written. A conflict may have been one with a
/// transaction of the same batch, so it is not certain either; but it changed nothing.
fn failed(error: &AppendError, outcome: Outcome) -> CommitError {
    match (error, outcome) {
        (_, Err(refused @ (CommitError::Invalid(_) | CommitError::TooLarge { .. }))) => refused,
        (AppendError::Unknown(problem), Ok(_)) => CommitError::Unknown(problem.clone()),
        (AppendError::Unknown(problem) | AppendError::NotDone(problem), _) => CommitError::Unavailable(problem.clone()),
    }
}
