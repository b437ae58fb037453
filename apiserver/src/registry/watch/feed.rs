//! One watcher's stream as a state with a step: what was there, then what changes, all that waits in one write.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use timonier_api::status::Status;
use timonier_store::{Batch, Revision, Snapshot, Watch, WatchEnd};
use tokio::time::{Instant, sleep_until};

use super::frame;
use crate::accept::Shape;
use crate::limits::WatchSeat;
use crate::metrics::LongRunning;
use crate::object::Object;
use crate::registry::Call;
use crate::registry::select::Selection;

/// How often a watcher that asked for bookmarks gets one.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How much of the initial state is written at once, in bytes.
const CHUNK: usize = 256 << 10;

/// The state that a watch begins with, as far as it has not been sent.
pub struct Initial {
    objects: std::vec::IntoIter<Arc<Object>>,
    revision: Revision,
    announce_end: bool,
}

impl Initial {
    pub fn new(snapshot: &Snapshot, selection: &Selection, announce_end: bool) -> Result<Initial, Status> {
        let mut objects = vec![];
        for entry in snapshot.range(&selection.prefix, None) {
            let object = Object::of(entry)?;
            if selection.matches(&object) {
                objects.push(object);
            }
        }
        Ok(Initial { objects: objects.into_iter(), revision: snapshot.revision(), announce_end })
    }
}

pub struct Feed {
    call: Call,
    selection: Selection,
    watch: Watch,
    initial: Option<Initial>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    /// Whether the next Table must explain its columns.
    header: bool,
    ended: bool,
    counted: LongRunning,
    _seat: WatchSeat,
}

impl Feed {
    pub fn new(
        call: Call,
        selection: Selection,
        watch: Watch,
        initial: Option<Initial>,
        bookmarks: bool,
        deadline: Instant,
        seat: WatchSeat,
    ) -> Feed {
        Feed {
            counted: call.app.metrics.long_running(&call.info),
            header: call.accept.shape == Shape::Table,
            call,
            selection,
            watch,
            initial,
            bookmarks,
            next_bookmark: Instant::now() + BOOKMARK,
            deadline,
            ended: false,
            _seat: seat,
        }
    }

    /// The next bytes to write, and the state behind them; `None` at the end.
    pub async fn step(mut self) -> Option<(Result<Bytes, Infallible>, Feed)> {
        if self.ended {
            return None;
        }
        let bytes = match self.next().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return None,
            Err(status) => {
                self.ended = true;
                match frame::error(self.call.accept.encoding, &status) {
                    Ok(bytes) => bytes,
                    Err(_) => return None,
                }
            }
        };
        Some((Ok(bytes), self))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        if let Some(bytes) = self.take_initial()? {
            return Ok(Some(bytes));
        }
        let stop = self.call.app.stop.clone();
        loop {
            let mut out = BytesMut::new();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                () = sleep_until(self.deadline) => {
                    if !self.bookmarks {
                        return Ok(None);
                    }
                    // So that the client can go on exactly here.
                    self.ended = true;
                    frame::bookmark(&mut out, &self.call, self.watch.progress(), false)?;
                }
                () = sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARK;
                    frame::bookmark(&mut out, &self.call, self.watch.progress(), false)?;
                }
                batch = self.watch.next() => self.write(&mut out, batch)?,
            }
            if !out.is_empty() {
                return Ok(Some(out.freeze()));
            }
        }
    }

    fn write(&mut self, out: &mut BytesMut, batch: Result<Batch, WatchEnd>) -> Result<(), Status> {
        let batch = match batch {
            Ok(batch) => batch,
            Err(WatchEnd::Lagged { oldest }) => {
                let seen = self.watch.progress();
                return Err(Status::expired(format!("too old resource version: {seen} ({oldest})")));
            }
            Err(WatchEnd::Closed) => {
                self.ended = true;
                return Err(Status::service_unavailable("the store was closed"));
            }
            Err(WatchEnd::Failed(error)) => return Err(Status::internal(error)),
        };
        let mut sent = 0;
        for event in &batch.events {
            if frame::change(out, &self.call, &self.selection, event, self.header)? {
                self.header = false;
                sent += 1;
            }
        }
        self.counted.sent(sent);
        Ok(())
    }

    fn take_initial(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(initial) = &mut self.initial else {
            return Ok(None);
        };
        let mut out = BytesMut::new();
        while out.len() < CHUNK {
            let Some(object) = initial.objects.next() else {
                if initial.announce_end {
                    frame::bookmark(&mut out, &self.call, initial.revision, true)?;
                }
                self.initial = None;
                break;
            };
            frame::added(&mut out, &self.call, &object, self.header)?;
            self.header = false;
        }
        Ok(if out.is_empty() { None } else { Some(out.freeze()) })
    }
}
