//! Exec and attach over WebSocket channels.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use timonier_streaming::{
    channels::{self, Channel, Protocol},
    spdy::Options as Times,
    websocket,
};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    time::Instant,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    client::{Client, Gone, size},
    options::Options,
    outcome::Outcome,
};
use crate::runtime::session::Output;

pub type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Messages = Arc<AsyncMutex<SplitSink<Socket, Message>>>;

/// How long a client gets to say goodbye as well.
const LINGER: Duration = Duration::from_secs(5);

/// What is sent to a client, also by the task that asks it for signs of life.
#[derive(Clone)]
pub struct Sender {
    messages: Messages,
    last_moved: Arc<Mutex<Instant>>,
}

impl Sender {
    pub async fn send(&self, message: Message) -> Result<(), Gone> {
        *self.last_moved.lock() = Instant::now();
        self.messages.lock().await.send(message).await.map_err(|_| Gone)
    }

    /// Says goodbye and waits until the other side has, too: closing while it still sends would take back what it
    /// has not read yet.
    pub async fn close(&self, gone: &CancellationToken) {
        let closed = self.messages.lock().await.send(websocket::goodbye()).await;
        if closed.is_ok() {
            let _late = tokio::time::timeout(LINGER, gone.cancelled()).await;
        }
    }
}

/// Takes a socket over: what sends, what comes in, and what is cancelled when the client is gone. The handle keeps
/// the socket alive and watched.
pub fn split(socket: Socket, times: Times) -> (Sender, SplitStream<Socket>, CancellationToken, AbortOnDropHandle<()>) {
    let (messages, incoming) = socket.split();
    let sender =
        Sender { messages: Arc::new(AsyncMutex::new(messages)), last_moved: Arc::new(Mutex::new(Instant::now())) };
    let gone = CancellationToken::new();
    let watching = tokio::spawn(watch(sender.clone(), gone.clone(), times));
    (sender, incoming, gone, AbortOnDropHandle::new(watching))
}

/// Finds out when a connection was cut without a word, or is used by nobody.
async fn watch(sender: Sender, gone: CancellationToken, times: Times) {
    let mut ping = tokio::time::interval_at(Instant::now() + times.ping, times.ping);
    loop {
        ping.tick().await;
        let idle = sender.last_moved.lock().elapsed() >= times.idle;
        if idle || sender.messages.lock().await.send(Message::Ping(Bytes::new())).await.is_err() {
            return gone.cancel();
        }
    }
}

pub struct WebSocketSink {
    sender: Sender,
    protocol: Protocol,
}

impl WebSocketSink {
    pub async fn write(&mut self, output: Output) -> Result<(), Gone> {
        let channel = match output {
            Output::Stdout(_) => channels::STDOUT,
            Output::Stderr(_) => channels::STDERR,
        };
        self.sender.send(self.protocol.encode(channel, output.bytes())).await
    }

    pub async fn finish(self, outcome: Outcome, gone: CancellationToken) {
        let message = outcome.message(self.protocol.has_status());
        if !message.is_empty() && self.sender.send(self.protocol.encode(channels::ERROR, &message)).await.is_err() {
            return;
        }
        self.sender.close(&gone).await;
    }
}

pub async fn client(upgraded: Upgraded, protocol: Protocol, options: &Options) -> Client<WebSocketSink> {
    let socket = websocket::over(TokioIo::new(upgraded), true).await;
    let (sender, incoming, gone, watching) = split(socket, Times::default());
    // Says that the session stands.
    let first = match options {
        Options { stdout: true, .. } => channels::STDOUT,
        Options { stderr: true, .. } => channels::STDERR,
        _ => channels::ERROR,
    };
    let _gone = sender.send(protocol.encode(first, &[])).await;
    let (stdin, input) = mpsc::channel(1);
    let (resize, sizes) = mpsc::channel(1);
    let reading = Reading { protocol, stdin: options.stdin.then_some(stdin), resize, sender: sender.clone() };
    let reading = tokio::spawn(reading.run(incoming, gone.clone()));
    let sink = WebSocketSink { sender, protocol };
    Client { stdin: input, sizes, sink, gone, readers: vec![watching, AbortOnDropHandle::new(reading)] }
}

struct Reading {
    protocol: Protocol,
    /// `None` once the client has closed it.
    stdin: Option<mpsc::Sender<Bytes>>,
    resize: mpsc::Sender<crate::runtime::session::TerminalSize>,
    sender: Sender,
}

impl Reading {
    async fn run(mut self, mut incoming: SplitStream<Socket>, gone: CancellationToken) {
        while let Some(Ok(message)) = incoming.next().await {
            match self.protocol.decode(message) {
                Ok(Some(channel)) => self.take(channel).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "a client broke the protocol");
                    break;
                }
            }
        }
        gone.cancel();
    }

    async fn take(&mut self, channel: Channel) {
        *self.sender.last_moved.lock() = Instant::now();
        match channel {
            Channel::Close(channels::STDIN) => self.stdin = None,
            Channel::Data(channels::STDIN, bytes) if !bytes.is_empty() => {
                if let Some(stdin) = &self.stdin
                    && stdin.send(bytes).await.is_err()
                {
                    // The process takes no more; what comes is read on, so that the client's end is noticed.
                    self.stdin = None;
                }
            }
            Channel::Data(channels::RESIZE, bytes) => {
                if let Some(size) = size(&bytes) {
                    let _ended = self.resize.send(size).await;
                }
            }
            _ => {}
        }
    }
}
