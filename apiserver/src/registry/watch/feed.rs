//! One watcher's stream as the body of an answer: what was there, then what changes, all that waits in one write.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use timonier_api::status::Status;
use timonier_store::{Revision, Snapshot, Watch, WatchEnd};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::face::Face;
use super::frame;
use crate::accept::Shape;
use crate::limits::WatchSeat;
use crate::metrics::counts::LongRunning;
use crate::object::Object;
use crate::registry::Call;
use crate::registry::select::Selection;

/// How often a watcher that asked for bookmarks gets one.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How much of the initial state is written at once, in bytes.
const CHUNK: usize = 64 << 10;

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
    /// How changes are written; `None`: for this watcher alone.
    face: Option<Face>,
    watch: Watch,
    initial: Option<Initial>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    /// Until the next bookmark or the deadline.
    timer: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
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
        let next_bookmark = Instant::now() + BOOKMARK;
        let timer = sleep_until(if bookmarks { next_bookmark.min(deadline) } else { deadline });
        Feed {
            counted: call.app.metrics.long_running(&call.info),
            header: call.accept.shape == Shape::Table,
            face: Face::of(&call),
            stop: Box::pin(call.life().clone().cancelled_owned()),
            timer: Box::pin(timer),
            call,
            selection,
            watch,
            initial,
            bookmarks,
            next_bookmark,
            deadline,
            ended: false,
            _seat: seat,
        }
    }

    /// The next bytes to write; `None` at the end.
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        if let Some(bytes) = self.take_initial()? {
            return Poll::Ready(Ok(Some(bytes)));
        }
        loop {
            if self.stop.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(None));
            }
            if self.timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(self.time_is_up());
            }
            let batch = match ready!(self.watch.poll_next(context)) {
                Ok(batch) => batch,
                Err(end) => return Poll::Ready(Err(self.status(end))),
            };
            let changes = match &self.face {
                Some(face) => face.write(&batch, &self.call, &self.selection)?,
                None => frame::changes(&batch.events, &self.call, &self.selection, &mut self.header)?,
            };
            if changes.count > 0 {
                self.counted.sent(changes.count);
                return Poll::Ready(Ok(Some(changes.bytes)));
            }
        }
    }

    /// At the deadline the stream ends; with bookmarks, one says where the client can go on.
    fn time_is_up(&mut self) -> Result<Option<Bytes>, Status> {
        let now = Instant::now();
        self.ended = now >= self.deadline;
        if !self.bookmarks {
            return Ok(None);
        }
        self.next_bookmark = now + BOOKMARK;
        let next = self.next_bookmark.min(self.deadline);
        self.timer.as_mut().reset(next);
        let mut out = BytesMut::new();
        frame::bookmark(&mut out, &self.call, self.watch.progress(), false)?;
        Ok(Some(out.freeze()))
    }

    fn status(&mut self, end: WatchEnd) -> Status {
        match end {
            WatchEnd::Lagged { oldest } => {
                let seen = self.watch.progress();
                Status::expired(format!("too old resource version: {seen} ({oldest})"))
            }
            WatchEnd::Closed => Status::service_unavailable("the store was closed"),
            WatchEnd::Failed(error) => Status::internal(error),
        }
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

impl http_body::Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let feed = self.get_mut();
        if feed.ended {
            return Poll::Ready(None);
        }
        let bytes = ready!(feed.poll_bytes(context)).unwrap_or_else(|status| {
            feed.ended = true;
            frame::error(feed.call.accept.encoding, &status).ok()
        });
        feed.ended |= bytes.is_none();
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
