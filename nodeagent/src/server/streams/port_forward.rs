//! Connections to a pod's ports.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use timonier_streaming::{
    channels::{Channel, Protocol},
    spdy::{Connection, Options as Times, Role, Stream, StreamReader, StreamWriter},
    websocket,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};

use super::{
    upgrade::{Upgrade, spdy_over},
    websocket::{Sender, split},
};
use crate::runtime::Runtime;

/// What is read of a port at once, in bytes.
const CHUNK: usize = 32 << 10;
/// How long the second stream of a pair may take.
const CREATION: Duration = Duration::from_secs(30);

pub struct Forward<R> {
    pod: Pod<R>,
    upgrade: Upgrade,
}

struct Pod<R> {
    runtime: Arc<R>,
    sandbox: String,
    name: String,
}

impl<R> Clone for Pod<R> {
    fn clone(&self) -> Self {
        Pod { runtime: self.runtime.clone(), sandbox: self.sandbox.clone(), name: self.name.clone() }
    }
}

impl<R: Runtime> Pod<R> {
    /// The error is what the client is told.
    async fn connect(&self, port: u16) -> Result<TcpStream, String> {
        let connected = self.runtime.connect(&self.sandbox, None, port).await;
        connected.map_err(|error| format!("error forwarding port {port} to {}: {error}", self.name))
    }
}

impl<R: Runtime> Forward<R> {
    pub fn new(runtime: Arc<R>, sandbox: String, name: String, upgrade: Upgrade) -> Forward<R> {
        Forward { pod: Pod { runtime, sandbox, name }, upgrade }
    }

    pub fn answer(self, request: Request) -> Response {
        let pod = self.pod;
        self.upgrade.answer(request, move |upgraded, upgrade| async move {
            match upgrade {
                Upgrade::Spdy(..) => streams(spdy_over(upgraded), pod).await,
                Upgrade::Tunnel => {
                    let (reader, writer) = websocket::bytes(websocket::over(TokioIo::new(upgraded), true).await);
                    streams(Connection::start(reader, writer, Role::Server, Times::default()), pod).await
                }
                Upgrade::PortChannels(protocol, ports) => channels(upgraded, protocol, ports, pod).await,
                Upgrade::Channels(_) => {}
            }
        })
    }
}

/// A connection to the pod for each pair of streams that has one request id: one for errors, one for data.
async fn streams<R: Runtime>(mut connection: Connection, pod: Pod<R>) {
    let mut waiting: HashMap<String, (Stream, Instant)> = HashMap::new();
    let mut forwards = JoinSet::new();
    loop {
        let next_late = waiting.values().map(|(_, since)| *since + CREATION).min();
        let stream = tokio::select! {
            stream = connection.accept() => stream,
            Some(_) = forwards.join_next() => continue,
            () = until(next_late) => {
                waiting.retain(|_, (_, since)| since.elapsed() < CREATION);
                continue;
            }
        };
        let Some(stream) = stream else { break };
        let Some(id) = request_id(&stream) else { continue };
        match waiting.remove(&id) {
            None => drop(waiting.insert(id, (stream, Instant::now()))),
            Some((other, _)) => {
                let (error, data) = if is_error(&stream) { (stream, other) } else { (other, stream) };
                if is_error(&error) && !is_error(&data) {
                    forwards.spawn(pair(error, data, pod.clone()));
                }
            }
        }
    }
    // Their streams are lost, so they end, each with its connection.
    forwards.shutdown().await;
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn is_error(stream: &Stream) -> bool {
    stream.headers.get("streamtype") == Some("error")
}

/// Old clients send none: their data stream is the one after its error stream. `None`: a stream of another type.
fn request_id(stream: &Stream) -> Option<String> {
    let kind = stream.headers.get("streamtype").filter(|kind| matches!(*kind, "error" | "data"))?;
    let named = stream.headers.get("requestid").map(str::to_owned);
    Some(named.unwrap_or_else(|| if kind == "error" { stream.id } else { stream.id.wrapping_sub(2) }.to_string()))
}

async fn pair<R: Runtime>(error: Stream, data: Stream, pod: Pod<R>) {
    let mut complain = error.writer;
    let asked = data.headers.get("port").unwrap_or_default();
    let connected = match asked.parse::<u16>() {
        Ok(port) if port > 0 => pod.connect(port).await,
        _ => Err(format!("error forwarding: invalid port {asked:?}")),
    };
    match connected {
        Ok(tcp) => {
            let (reader, writer) = tcp.into_split();
            tokio::select! {
                () = async { tokio::join!(up(data.reader, writer), down(reader, data.writer)); } => {}
                () = abandoned(error.reader) => {}
            }
        }
        Err(message) => {
            let _gone = complain.send(message.into()).await;
            let mut writer = data.writer;
            let _gone = writer.finish().await;
        }
    }
    let _gone = complain.finish().await;
}

/// Returns when the client gives the pair up; its end of the error stream is none, since it never writes there.
async fn abandoned(mut reader: StreamReader) {
    loop {
        match reader.next().await {
            Some(Ok(_)) => {}
            Some(Err(_)) => return,
            None => std::future::pending().await,
        }
    }
}

async fn up(mut reader: StreamReader, mut writer: OwnedWriteHalf) {
    while let Some(bytes) = reader.next().await {
        match bytes {
            Ok(bytes) => {
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            // No end: the pod must not take it for one.
            Err(_) => return abort(writer),
        }
    }
    let _gone = writer.shutdown().await;
}

fn abort(writer: OwnedWriteHalf) {
    // What is under way is thrown away together with the connection.
    let _unsupported = writer.as_ref().set_zero_linger();
}

async fn down(mut reader: OwnedReadHalf, mut writer: StreamWriter) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => {
                let _gone = writer.finish().await;
                break;
            }
            Ok(_) => {
                if writer.send(buffer.split().freeze()).await.is_err() {
                    break;
                }
            }
            // Dropped unfinished: the client sees a reset, as it would without us.
            Err(_) => break,
        }
    }
}

/// Two channels a port, each beginning with the port's number; all ports are connected to at once.
async fn channels<R: Runtime>(upgraded: Upgraded, protocol: Protocol, ports: Vec<u16>, pod: Pod<R>) {
    let socket = websocket::over(TokioIo::new(upgraded), true).await;
    let (sender, mut incoming, gone, _watching) = split(socket, Times::default());
    let mut inputs = Vec::new();
    let mut forwards = JoinSet::new();
    for (index, port) in ports.into_iter().enumerate() {
        let (input, received) = mpsc::channel(4);
        inputs.push(Some(input));
        let to = To { sender: sender.clone(), protocol, data: index as u8 * 2 };
        if to.begin(port).await.is_none() {
            return;
        }
        forwards.spawn(port_channel(to, received, port, pod.clone()));
    }
    let reading = async {
        while let Some(Ok(message)) = incoming.next().await {
            match protocol.decode(message) {
                // Odd channels are for errors, which a client has none of.
                Ok(Some(Channel::Data(channel, bytes))) if channel % 2 == 0 => {
                    let Some(place) = inputs.get_mut(usize::from(channel / 2)) else { continue };
                    if let Some(input) = place
                        && input.send(bytes).await.is_err()
                    {
                        *place = None;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a client broke the protocol");
                    break;
                }
            }
        }
        gone.cancel();
    };
    let ended = async { while forwards.join_next().await.is_some() {} };
    tokio::select! {
        () = with(reading, async { ended.await; sender.close(&gone).await; }) => {}
        () = gone.cancelled() => {}
    }
    forwards.shutdown().await;
}

/// Runs the first as long as the second takes.
async fn with(beside: impl Future<Output = ()>, until: impl Future<Output = ()>) {
    tokio::pin!(until);
    tokio::select! {
        () = &mut until => return,
        () = beside => {}
    }
    until.await;
}

struct To {
    sender: Sender,
    protocol: Protocol,
    data: u8,
}

impl To {
    async fn begin(&self, port: u16) -> Option<()> {
        for channel in [self.data, self.data + 1] {
            self.sender.send(self.protocol.encode(channel, &port.to_le_bytes())).await.ok()?;
        }
        Some(())
    }
}

async fn port_channel<R: Runtime>(to: To, mut input: mpsc::Receiver<Bytes>, port: u16, pod: Pod<R>) {
    let tcp = match pod.connect(port).await {
        Ok(tcp) => tcp,
        Err(message) => {
            return drop(to.sender.send(to.protocol.encode(to.data + 1, message.as_bytes())).await);
        }
    };
    let (mut reader, mut writer) = tcp.into_split();
    let up = async {
        while let Some(bytes) = input.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // The other direction's end is the connection's: this protocol has no half of one.
        std::future::pending::<()>().await
    };
    let down = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.clear();
            buffer.reserve(CHUNK);
            match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    if to.sender.send(to.protocol.encode(to.data, &buffer)).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
