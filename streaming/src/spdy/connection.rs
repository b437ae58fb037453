//! Streams over one connection. Two tasks own it: one reads, one writes; both end with it.
//!
//! **Windows.** Kubernetes' clients send no `WINDOW_UPDATE` and take none to heart, so a window that nobody opens must
//! not hold us up. Windows are spoken with a peer who sends `SETTINGS`, as we do first when we are the client.
//! With others a stream that nobody reads stops the whole connection once its buffer is full: memory is bounded either way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    SpdyError,
    frame::{DEFAULT_WINDOW, Decoder, Encoder, Frame, INITIAL_WINDOW_SIZE, PROTOCOL_ERROR, REFUSED_STREAM},
    headers::Headers,
    shared::{Entry, Shared, State, Table},
    stream::{Lost, Stream, StreamReader, StreamWriter},
};

/// Streams of one connection that may be open at once.
pub const STREAMS: usize = 1000;
/// Chunks of a stream that wait for its user, each at most [`READ`] bytes.
const WAITING: usize = 8;
const READ: usize = 32 << 10;
/// How long a closed connection waits for the peer to close it as well.
const LINGER: Duration = Duration::from_secs(5);
const MAX_WINDOW: u32 = 0x7fff_ffff;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often the peer is asked for a sign of life, which finds connections that were cut without a word.
    pub ping: Duration,
    /// A connection over which no stream said anything for this long is closed.
    pub idle: Duration,
}

impl Default for Options {
    /// The idle time is the kubelet's.
    fn default() -> Options {
        Options { ping: Duration::from_secs(10), idle: Duration::from_secs(4 * 60 * 60) }
    }
}

pub struct Connection {
    shared: Arc<Shared>,
    incoming: mpsc::Receiver<Stream>,
}

impl Connection {
    pub fn start<R, W>(reader: R, writer: W, role: Role, options: Options) -> Connection
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (frames, to_write) = mpsc::channel(16);
        let (accepted, incoming) = mpsc::channel(STREAMS);
        let shared = Arc::new(Shared {
            frames,
            closed: CancellationToken::new(),
            written: CancellationToken::new(),
            windows: AtomicBool::new(false),
            window: Semaphore::new(DEFAULT_WINDOW as usize),
            table: Mutex::new(Table { next: if role == Role::Client { 1 } else { 2 }, ..Table::default() }),
            last_moved: Mutex::new(Instant::now()),
        });
        if role == Role::Client {
            for frame in our_windows() {
                let _room_is_there = shared.frames.try_send(frame);
            }
        }
        tokio::spawn(write(shared.clone(), to_write, writer, options, role));
        tokio::spawn(read(shared.clone(), reader, accepted, role));
        Connection { shared, incoming }
    }

    /// The next stream that the peer opens; `None` once the connection is gone.
    pub async fn accept(&mut self) -> Option<Stream> {
        let stream = self.incoming.recv().await?;
        let reply = Frame::SynReply { stream: stream.id, fin: false, headers: Headers::default() };
        self.shared.frames.send(reply).await.ok()?;
        Some(stream)
    }

    /// What opens streams, also while somebody else waits for the peer's.
    pub fn opener(&self) -> Opener {
        Opener(self.shared.clone())
    }

    /// Cancelled once nothing more can come or go.
    pub fn closed(&self) -> CancellationToken {
        self.shared.closed.clone()
    }

    /// Sends what is under way, says goodbye and closes.
    pub async fn close(self) {
        let last_good = self.shared.table.lock().last_accepted;
        if self.shared.frames.send(Frame::GoAway { last_good, status: 0 }).await.is_ok() {
            self.shared.written.cancel();
            self.shared.closed.cancelled().await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.closed.cancel();
    }
}

#[derive(Clone)]
pub struct Opener(Arc<Shared>);

impl Opener {
    /// Opens a stream and waits until the peer has taken it.
    pub async fn open(&self, headers: Headers) -> Result<Stream, Lost> {
        let (replied, reply) = oneshot::channel();
        // Numbers must reach the peer in order: the room is taken before the number.
        let room = self.0.frames.reserve().await.map_err(|_| Lost)?;
        let (id, stream) = {
            let mut table = self.0.table.lock();
            let id = table.next;
            table.next += 2;
            let stream = stream(&self.0, &mut table, id, headers.clone(), Some(replied));
            room.send(Frame::SynStream { stream: id, fin: false, headers });
            (id, stream)
        };
        tokio::select! {
            answer = reply => answer.map_err(|_| Lost)?,
            () = self.0.closed.cancelled() => {
                self.0.lose(id);
                return Err(Lost);
            }
        }
        Ok(stream)
    }
}

/// A new stream of this id.
fn stream(
    shared: &Arc<Shared>,
    table: &mut Table,
    id: u32,
    headers: Headers,
    replied: Option<oneshot::Sender<()>>,
) -> Stream {
    let (sender, data) = mpsc::channel(WAITING);
    let state = State::new(table.initial_window.unwrap_or(DEFAULT_WINDOW));
    table.entries.insert(id, Entry { data: Some(sender), state: state.clone(), replied, half_ended: false });
    Stream {
        id,
        headers,
        reader: StreamReader { id, data, state: state.clone(), shared: shared.clone(), taken: 0 },
        writer: StreamWriter { id, state, shared: shared.clone(), finished: false },
    }
}

/// What we let a peer send that speaks windows: the default for each stream, and no limit for all of them together,
/// so that one that waits holds up no other.
fn our_windows() -> [Frame; 2] {
    [
        Frame::Settings(vec![(INITIAL_WINDOW_SIZE, DEFAULT_WINDOW)]),
        Frame::WindowUpdate { stream: 0, delta: MAX_WINDOW - DEFAULT_WINDOW },
    ]
}

async fn write<W: AsyncWrite + Unpin>(
    shared: Arc<Shared>,
    mut frames: mpsc::Receiver<Frame>,
    mut writer: W,
    options: Options,
    role: Role,
) {
    let closed = shared.closed.clone();
    let writing = async {
        let (mut encoder, mut out) = (Encoder::default(), BytesMut::new());
        let mut ping = tokio::time::interval_at(Instant::now() + options.ping, options.ping);
        let mut ping_id = if role == Role::Client { 1 } else { 2 };
        loop {
            let frame = tokio::select! {
                biased;
                frame = frames.recv() => frame,
                () = shared.written.cancelled() => None,
                _ = ping.tick() => {
                    if shared.last_moved.lock().elapsed() >= options.idle {
                        tracing::debug!("a connection was idle for {:?} and is closed", options.idle);
                        None
                    } else {
                        ping_id += 2;
                        Some(Frame::Ping(ping_id))
                    }
                }
            };
            let Some(frame) = frame else { break };
            if let Err(error) = encoder.encode(&frame, &mut out) {
                tracing::debug!(%error, "frame not sent");
            }
            writer.write_all_buf(&mut out).await?;
            if frames.is_empty() {
                writer.flush().await?;
            }
        }
        writer.flush().await?;
        writer.shutdown().await
    };
    let ended = tokio::select! {
        ended = writing => ended,
        () = closed.cancelled() => Ok(()),
    };
    match ended {
        // Closing while the peer still sends would take back what it has not read yet.
        Ok(()) => drop(tokio::time::timeout(LINGER, closed.cancelled()).await),
        Err(error) => tracing::debug!(%error, "a connection's writer ended"),
    }
    shared.lose_all();
}

async fn read<R: AsyncRead + Unpin>(shared: Arc<Shared>, mut reader: R, accepted: mpsc::Sender<Stream>, role: Role) {
    let closed = shared.closed.clone();
    let reading = async {
        let (mut decoder, mut buffer) = (Decoder::default(), BytesMut::new());
        loop {
            while let Some(frame) = decoder.decode(&mut buffer)? {
                receive(&shared, &accepted, frame, role).await?;
            }
            buffer.reserve(READ);
            match (&mut reader).take(READ as u64).read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
        }
    };
    let ended: Result<(), SpdyError> = tokio::select! {
        ended = reading => ended,
        () = closed.cancelled() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a peer broke the protocol");
    }
    shared.lose_all();
}

async fn receive(
    shared: &Arc<Shared>,
    accepted: &mpsc::Sender<Stream>,
    frame: Frame,
    role: Role,
) -> Result<(), SpdyError> {
    // Never waits for the writer: it may be waiting for a peer that waits for us.
    let answer = |frame| {
        let _full = shared.frames.try_send(frame);
    };
    match frame {
        Frame::SynStream { stream: id, fin, headers } => {
            shared.moved();
            let theirs = if role == Role::Server { 1 } else { 0 };
            let taken = {
                let mut table = shared.table.lock();
                if id % 2 != theirs || id <= table.last_accepted {
                    answer(Frame::RstStream { stream: id, status: PROTOCOL_ERROR });
                    return Ok(());
                }
                table.last_accepted = id;
                if table.entries.len() >= STREAMS {
                    None
                } else {
                    let stream = stream(shared, &mut table, id, headers, None);
                    if fin && let Some(entry) = table.entries.get_mut(&id) {
                        entry.data = None;
                    }
                    Some(stream)
                }
            };
            let taken = taken.is_some_and(|stream| accepted.try_send(stream).is_ok());
            if !taken {
                answer(Frame::RstStream { stream: id, status: REFUSED_STREAM });
            }
        }
        Frame::SynReply { stream: id, fin, .. } => {
            let replied = shared.table.lock().entries.get_mut(&id).and_then(|entry| entry.replied.take());
            if let Some(replied) = replied {
                let _gone = replied.send(());
            }
            end_theirs(shared, id, fin);
        }
        Frame::Headers { stream: id, fin, .. } => end_theirs(shared, id, fin),
        Frame::Data { stream: id, fin, bytes } => {
            shared.moved();
            if !bytes.is_empty() {
                let data = shared.table.lock().entries.get(&id).and_then(|entry| entry.data.clone());
                let size = bytes.len() as u32;
                let delivered = match data {
                    Some(data) => data.send(bytes).await.is_ok(),
                    None => false,
                };
                if !delivered && shared.speaks_windows() {
                    answer(Frame::WindowUpdate { stream: 0, delta: size });
                }
            }
            end_theirs(shared, id, fin);
        }
        Frame::RstStream { stream: id, .. } => shared.lose(id),
        Frame::Settings(settings) => {
            let initial = settings.iter().find(|(id, _)| *id == INITIAL_WINDOW_SIZE).map(|(_, value)| *value);
            let mut table = shared.table.lock();
            if initial.is_some() {
                table.initial_window = initial.map(|window| window.clamp(DEFAULT_WINDOW / 4, MAX_WINDOW));
            }
            // Bytes that went before were counted by nobody, which only makes the window larger.
            if !shared.windows.swap(true, Ordering::AcqRel) && role == Role::Server {
                our_windows().into_iter().for_each(answer);
            }
        }
        // Odd ones are the client's. Those that we sent come back.
        Frame::Ping(id) => {
            if (id % 2 == 1) == (role == Role::Server) {
                answer(Frame::Ping(id));
            }
        }
        Frame::WindowUpdate { stream: 0, delta } => open_window(&shared.window, delta),
        Frame::WindowUpdate { stream: id, delta } => {
            if let Some(entry) = shared.table.lock().entries.get(&id) {
                open_window(&entry.state.window, delta);
            }
        }
        Frame::GoAway { .. } | Frame::Unknown(_) => {}
    }
    Ok(())
}

fn open_window(window: &Semaphore, delta: u32) {
    let room = MAX_WINDOW as usize - window.available_permits().min(MAX_WINDOW as usize);
    window.add_permits((delta as usize).min(room));
}

fn end_theirs(shared: &Shared, id: u32, fin: bool) {
    if !fin {
        return;
    }
    let mut table = shared.table.lock();
    if let Some(entry) = table.entries.get_mut(&id) {
        entry.data = None;
        if entry.half_ended {
            table.entries.remove(&id);
        }
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
