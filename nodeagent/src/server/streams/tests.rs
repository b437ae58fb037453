//! Exec as clients of every age speak it, with a process made of pipes: it echoes until its input ends or says `bye`,
//! then writes `done` to its standard error and exits with 3.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{body::Body, http::HeaderMap};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt, future::BoxFuture, stream};
use hyper::{body::Incoming, service::service_fn, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use timonier_streaming::{
    channels::{self, Channel, Protocol, REMOTE_COMMAND},
    spdy::{Connection, Headers, Options as Times, Role, Stream},
    websocket,
};
use tokio::{
    io::{AsyncReadExt, DuplexStream},
    sync::{Notify, mpsc},
};

use super::*;
use crate::runtime::{
    RuntimeError,
    session::{Control, Output, TerminalSize},
};

#[derive(Default)]
struct Process {
    sizes: Mutex<Vec<TerminalSize>>,
    resized: Notify,
    hung_up: Notify,
}

impl Control for Process {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.sizes.lock().push(size);
        self.resized.notify_one();
        futures::future::ready(Ok(())).boxed()
    }

    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>, RuntimeError>> {
        futures::future::ready(Ok(Some(3))).boxed()
    }

    fn hang_up(&self) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.hung_up.notify_one();
        futures::future::ready(Ok(())).boxed()
    }

    fn kill(&self) -> BoxFuture<'_, Result<(), RuntimeError>> {
        futures::future::ready(Ok(())).boxed()
    }
}

fn start(process: &Arc<Process>, stdin: bool) -> Session {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (said, output) = mpsc::channel(1);
    tokio::spawn(async move {
        if stdin {
            echo(theirs, &said).await;
        }
        let _gone = said.send(Output::Stderr(Bytes::from_static(b"done"))).await;
    });
    let output = stream::unfold(output, |mut output| async move { Some((Ok(output.recv().await?), output)) });
    Session { input: stdin.then(|| Box::pin(ours) as _), output: output.boxed(), control: process.clone() }
}

async fn echo(mut input: DuplexStream, said: &mpsc::Sender<Output>) {
    let mut buffer = BytesMut::new();
    while let Ok(1..) = input.read_buf(&mut buffer).await {
        let bytes = buffer.split().freeze();
        let last = bytes.ends_with(b"bye");
        if said.send(Output::Stdout(bytes)).await.is_err() || last {
            return;
        }
    }
}

/// Sends one upgrade to an agent that runs the process; the answer, and the connection if it was taken over.
async fn ask(process: &Arc<Process>, query: &str, headers: HeaderMap) -> (StatusCode, HeaderMap, Option<Upgraded>) {
    let (client, server) = tokio::io::duplex(1 << 16);
    let process = process.clone();
    let service = service_fn(move |request: axum::http::Request<Incoming>| {
        let process = process.clone();
        async move {
            let request = request.map(Body::new);
            let opened = read(request.uri().query().map(str::to_owned)).and_then(|options| {
                let upgrade = Upgrade::remote_command(request.headers())?;
                Ok((upgrade, start(&process, options.stdin), options))
            });
            Ok::<_, Infallible>(answer(opened, request))
        }
    });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    tokio::spawn(serving.with_upgrades());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(client)).await.expect("a connection");
    tokio::spawn(connection.with_upgrades());
    let mut request = axum::http::Request::new(Body::empty());
    *request.uri_mut() = format!("/exec?command=echo&{query}").parse().expect("a path");
    *request.headers_mut() = headers;
    let answer = sender.send_request(request).await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, hyper::upgrade::on(answer).await.ok())
}

async fn socket(process: &Arc<Process>, query: &str, protocol: &'static str) -> websocket_socket::Socket {
    let (mut headers, key) = websocket::request(protocol);
    if protocol.is_empty() {
        headers.remove("sec-websocket-protocol");
    }
    let (status, answer, upgraded) = ask(process, query, headers).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    if !protocol.is_empty() {
        assert_eq!(websocket::chosen(&answer, &key).as_deref(), Some(protocol));
    }
    websocket::over(TokioIo::new(upgraded.expect("taken over")), false).await
}

/// The client's side has the same type as ours.
mod websocket_socket {
    pub use super::super::websocket::Socket;
}

/// What came on each of stdout, stderr and the error channel, until the end.
async fn gather(socket: &mut websocket_socket::Socket, protocol: &Protocol) -> [String; 3] {
    let mut gathered = [const { String::new() }; 3];
    while let Some(Ok(message)) = socket.next().await {
        if let Some(Channel::Data(channel @ 1..=3, bytes)) = protocol.decode(message).expect("a channel") {
            gathered[usize::from(channel) - 1].push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    gathered
}

#[tokio::test]
async fn every_websocket_protocol_carries_a_command() {
    for protocol in &REMOTE_COMMAND {
        let process = Arc::new(Process::default());
        let mut socket = socket(&process, "input=1&output=1&error=1", protocol.name()).await;
        let closes = protocol.has_close();
        socket.send(protocol.encode(channels::STDIN, b"hello ")).await.expect("sent");
        let last =
            if closes { protocol.encode_close(channels::STDIN) } else { protocol.encode(channels::STDIN, b"bye") };
        socket.send(last).await.expect("sent");
        let [stdout, stderr, error] = gather(&mut socket, protocol).await;
        assert_eq!(stdout, if closes { "hello " } else { "hello bye" }, "{protocol:?}");
        assert_eq!(stderr, "done");
        if protocol.has_status() {
            let status: Value = serde_json::from_str(&error).expect("a status");
            assert_eq!(status["details"]["causes"][0]["message"], "3");
        } else {
            assert!(error.ends_with("exit code 3"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_terminal_hears_its_size_and_a_lost_client_hangs_up() {
    let process = Arc::new(Process::default());
    let v5 = REMOTE_COMMAND[0];
    let mut socket = socket(&process, "input=1&output=1&tty=1", v5.name()).await;
    socket.send(v5.encode(channels::RESIZE, br#"{"Width":80,"Height":25}"#)).await.expect("sent");
    process.resized.notified().await;
    assert_eq!(*process.sizes.lock(), [TerminalSize { width: 80, height: 25 }]);
    drop(socket);
    process.hung_up.notified().await;
}

async fn open(connection: &Connection, kind: &str) -> Stream {
    connection.opener().open([("streamtype", kind)].into_iter().collect::<Headers>()).await.expect("opened")
}

async fn read_stream(stream: &mut Stream) -> String {
    let mut all = String::new();
    while let Some(Ok(bytes)) = stream.reader.next().await {
        all.push_str(&String::from_utf8_lossy(&bytes));
    }
    all
}

#[tokio::test]
async fn every_spdy_protocol_carries_a_command() {
    for version in ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io", ""] {
        let process = Arc::new(Process::default());
        let mut headers = HeaderMap::new();
        headers.insert("connection", "Upgrade".parse().expect("a value"));
        headers.insert("upgrade", "SPDY/3.1".parse().expect("a value"));
        if !version.is_empty() {
            headers.insert("x-stream-protocol-version", version.parse().expect("a value"));
        }
        let (status, answer, upgraded) = ask(&process, "input=1&output=1&error=1", headers).await;
        assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
        let chosen = answer.get("x-stream-protocol-version").map(|version| version.as_bytes());
        assert_eq!(chosen, (!version.is_empty()).then_some(version.as_bytes()));
        let (reader, writer) = tokio::io::split(TokioIo::new(upgraded.expect("taken over")));
        let connection = Connection::start(reader, writer, Role::Client, Times::default());
        let mut error = open(&connection, "error").await;
        let mut stdin = open(&connection, "stdin").await;
        let (mut stdout, mut stderr) = (open(&connection, "stdout").await, open(&connection, "stderr").await);
        stdin.writer.send(Bytes::from_static(b"hello")).await.expect("sent");
        stdin.writer.finish().await.expect("finished");
        assert_eq!(read_stream(&mut stdout).await, "hello");
        assert_eq!(read_stream(&mut stderr).await, "done");
        let said = read_stream(&mut error).await;
        if version == "v4.channel.k8s.io" {
            assert_eq!(serde_json::from_str::<Value>(&said).expect("a status")["reason"], "NonZeroExitCode");
        } else {
            assert!(said.ends_with("exit code 3"), "{said}");
        }
    }
}

#[tokio::test]
async fn output_waits_for_a_client_that_does_not_read() {
    let process = Arc::new(Process::default());
    let v5 = REMOTE_COMMAND[0];
    let socket = socket(&process, "input=1&output=1", v5.name()).await;
    let (mut sink, mut incoming) = socket.split();
    // Nobody reads what is echoed, so what is sent must come to a stop somewhere.
    let message = vec![0; 32 << 10];
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(300), sink.send(v5.encode(channels::STDIN, &message)))
        .await
        .is_ok()
    {
        sent += message.len();
        assert!(sent < 16 << 20, "{sent} bytes are held somewhere");
    }
    // Read on, it goes on.
    let reading = tokio::spawn(async move { while incoming.next().await.is_some() {} });
    sink.send(v5.encode(channels::STDIN, b"bye")).await.expect("sent");
    reading.await.expect("ended");
}

#[tokio::test]
async fn what_cannot_be_upgraded_is_refused() {
    let process = Arc::new(Process::default());
    let (status, ..) = ask(&process, "output=1", HeaderMap::new()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, ..) = ask(&process, "output=1", websocket::request("soap").0).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, ..) = ask(&process, "tty=1", websocket::request("v5.channel.k8s.io").0).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
