//! One stream of a connection, as its user holds it.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    frame::{CANCEL, DEFAULT_WINDOW, Frame},
    headers::Headers,
    shared::{Shared, State},
};

/// What is sent in one frame, in bytes.
const CHUNK: usize = 32 << 10;

/// The peer gave the stream up, or the connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream was cut off")]
pub struct Lost;

pub struct Stream {
    pub id: u32,
    pub headers: Headers,
    pub reader: StreamReader,
    pub writer: StreamWriter,
}

pub struct StreamReader {
    pub(super) id: u32,
    pub(super) data: mpsc::Receiver<Bytes>,
    pub(super) state: State,
    pub(super) shared: Arc<Shared>,
    /// Bytes taken that the peer has not been told of.
    pub(super) taken: u32,
}

impl StreamReader {
    /// What comes next; `None` once the peer has ended its half. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Bytes, Lost>> {
        if self.taken >= DEFAULT_WINDOW / 2 {
            self.tell_taken().await;
        }
        match self.data.recv().await {
            Some(bytes) => {
                self.taken = self.taken.saturating_add(bytes.len() as u32);
                Some(Ok(bytes))
            }
            None if self.state.cut.load(Ordering::Acquire) => Some(Err(Lost)),
            None => None,
        }
    }

    async fn tell_taken(&mut self) {
        if self.shared.speaks_windows()
            && let Ok(mut room) = self.shared.frames.reserve_many(2).await
        {
            for stream in [self.id, 0] {
                if let Some(room) = room.next() {
                    room.send(Frame::WindowUpdate { stream, delta: self.taken });
                }
            }
        }
        self.taken = 0;
    }
}

/// Dropping it without [`StreamWriter::finish`] resets the stream.
pub struct StreamWriter {
    pub(super) id: u32,
    pub(super) state: State,
    pub(super) shared: Arc<Shared>,
    pub(super) finished: bool,
}

impl StreamWriter {
    /// Returns when the bytes are on their way, no faster than the peer takes them.
    pub async fn send(&mut self, mut bytes: Bytes) -> Result<(), Lost> {
        while !bytes.is_empty() {
            let mut size = bytes.len().min(CHUNK);
            if self.shared.speaks_windows() {
                size = size.min(DEFAULT_WINDOW as usize / 4);
                for window in [&self.state.window, &self.shared.window] {
                    window.acquire_many(size as u32).await.map_err(|_| Lost)?.forget();
                }
            }
            let part = bytes.split_to(size);
            self.put(Frame::Data { stream: self.id, fin: false, bytes: part }).await?;
        }
        Ok(())
    }

    /// Ends our half.
    pub async fn finish(&mut self) -> Result<(), Lost> {
        if !self.finished {
            self.put(Frame::Data { stream: self.id, fin: true, bytes: Bytes::new() }).await?;
            self.finished = true;
            self.shared.half_ended(self.id);
        }
        Ok(())
    }

    async fn put(&mut self, frame: Frame) -> Result<(), Lost> {
        if self.state.is_lost() {
            return Err(Lost);
        }
        self.shared.moved();
        self.shared.frames.send(frame).await.map_err(|_| Lost)
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        if !self.finished && !self.state.is_lost() {
            let _full = self.shared.frames.try_send(Frame::RstStream { stream: self.id, status: CANCEL });
            self.shared.lose(self.id);
        }
    }
}
