//! What the tasks of a connection and its streams know together.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::frame::Frame;

/// What the connection and a stream's two halves know of it together.
#[derive(Clone)]
pub(super) struct State {
    pub lost: Arc<AtomicBool>,
    /// Lost before the peer had ended its half.
    pub cut: Arc<AtomicBool>,
    /// Bytes that may still be sent, with a peer that speaks windows.
    pub window: Arc<Semaphore>,
}

impl State {
    pub fn new(window: u32) -> State {
        State { lost: Arc::default(), cut: Arc::default(), window: Arc::new(Semaphore::new(window as usize)) }
    }

    pub fn lose(&self, reading: bool) {
        self.cut.store(reading, Ordering::Release);
        self.lost.store(true, Ordering::Release);
        self.window.close();
    }

    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

pub(super) struct Shared {
    pub frames: mpsc::Sender<Frame>,
    pub closed: CancellationToken,
    /// Cancelled when the writer shall end once it has nothing left.
    pub written: CancellationToken,
    pub windows: AtomicBool,
    /// The connection's own window.
    pub window: Semaphore,
    pub table: Mutex<Table>,
    pub last_moved: Mutex<Instant>,
}

#[derive(Default)]
pub(super) struct Table {
    pub entries: HashMap<u32, Entry>,
    pub next: u32,
    pub last_accepted: u32,
    /// What the peer lets a new stream send.
    pub initial_window: Option<u32>,
}

pub(super) struct Entry {
    /// `None` once the peer has ended its half.
    pub data: Option<mpsc::Sender<Bytes>>,
    pub state: State,
    pub replied: Option<oneshot::Sender<()>>,
    pub half_ended: bool,
}

impl Shared {
    pub fn speaks_windows(&self) -> bool {
        self.windows.load(Ordering::Acquire)
    }

    /// Something of a stream came or went.
    pub fn moved(&self) {
        *self.last_moved.lock() = Instant::now();
    }

    /// Our half of a stream has ended.
    pub fn half_ended(&self, id: u32) {
        let mut table = self.table.lock();
        if let Some(entry) = table.entries.get_mut(&id) {
            entry.half_ended = true;
            if entry.data.is_none() {
                table.entries.remove(&id);
            }
        }
    }

    pub fn lose(&self, id: u32) {
        if let Some(entry) = self.table.lock().entries.remove(&id) {
            entry.state.lose(entry.data.is_some());
        }
    }

    pub fn lose_all(&self) {
        self.closed.cancel();
        self.window.close();
        for (_, entry) in self.table.lock().entries.drain() {
            entry.state.lose(entry.data.is_some());
        }
    }
}
