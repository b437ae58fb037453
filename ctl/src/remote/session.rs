//! A process in a container, joined with streams of ours: exec and attach.

use super::connection::{self, Socket};
use super::terminal::Sizes;
use crate::cluster::{Call, Session};
use crate::error::Error;
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;
use timonier_streaming::channels::{self, Channel, Protocol, REMOTE_COMMAND};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::AbortOnDropHandle;

const PROTOCOLS: &str = "v5.channel.k8s.io, v4.channel.k8s.io";
/// What is read of the input at once, in bytes.
const CHUNK: usize = 32 << 10;

/// Where a process's streams go and come from. A stream that is absent is not asked for.
#[derive(Default)]
pub struct Streams {
    pub stdin: Option<Pin<Box<dyn AsyncRead + Send>>>,
    pub stdout: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    pub stderr: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// A terminal, whose sizes are sent.
    pub tty: bool,
}

/// How a process ended.
#[derive(Debug)]
pub enum Ended {
    Success,
    Code(i32),
}

impl Ended {
    /// As kubectl reports a command's end: by its own exit code.
    pub fn into_result(self) -> Result<(), Error> {
        match self {
            Ended::Success => Ok(()),
            Ended::Code(code) => {
                crate::output::note(format!("command terminated with exit code {code}"));
                Err(Error::Exit(code))
            }
        }
    }
}

pub fn exec(pod: &str, container: &str, command: &[String]) -> Call {
    let call = Call::get(format!("{pod}/exec")).query("container", container);
    command.iter().fold(call, |call, word| call.query("command", word))
}

pub fn attach(pod: &str, container: &str) -> Call {
    Call::get(format!("{pod}/attach")).query("container", container)
}

/// Runs it to its end. Input that has not been read yet is left where it is.
pub async fn run(session: &Session, call: Call, streams: Streams) -> Result<Ended, Error> {
    let Streams { stdin, stdout, stderr, tty } = streams;
    let call = call
        .query("stdin", stdin.is_some())
        .query("stdout", stdout.is_some())
        .query("stderr", stderr.is_some())
        .query("tty", tty);
    let (socket, chosen) = connection::websocket(session, call, PROTOCOLS).await?;
    let protocol = REMOTE_COMMAND.iter().find(|protocol| protocol.name() == chosen).copied();
    let protocol = protocol.ok_or_else(|| Error::Protocol(format!("protocol {chosen:?}")))?;
    let (messages, mut incoming) = socket.split();
    let sender = Sender { messages: Arc::new(Mutex::new(messages)), protocol };
    let mut senders = Vec::new();
    if let Some(stdin) = stdin {
        senders.push(AbortOnDropHandle::new(tokio::spawn(sender.clone().send_input(stdin))));
    }
    if tty {
        senders.push(AbortOnDropHandle::new(tokio::spawn(sender.clone().send_sizes())));
    }
    let (mut stdout, mut stderr) = (stdout, stderr);
    let mut status = Vec::new();
    while let Some(message) = incoming.next().await {
        let Ok(message) = message else { break };
        match protocol.decode(message).map_err(|error| Error::Protocol(error.to_string()))? {
            Some(Channel::Data(channels::STDOUT, bytes)) => write(&mut stdout, &bytes).await?,
            Some(Channel::Data(channels::STDERR, bytes)) => write(&mut stderr, &bytes).await?,
            Some(Channel::Data(channels::ERROR, bytes)) => status.extend_from_slice(&bytes),
            _ => {}
        }
    }
    drop(senders);
    ended(&status)
}

async fn write(out: &mut Option<Pin<Box<dyn AsyncWrite + Send>>>, bytes: &[u8]) -> Result<(), Error> {
    if let Some(out) = out {
        out.write_all(bytes).await?;
        out.flush().await?;
    }
    Ok(())
}

/// What the `Status` on the error channel says.
fn ended(status: &[u8]) -> Result<Ended, Error> {
    if status.is_empty() {
        return Err(Error::Unreachable { detail: "the connection was lost".into() });
    }
    let status: Value = serde_json::from_slice(status).map_err(|error| Error::Protocol(error.to_string()))?;
    if status["status"] == "Success" {
        return Ok(Ended::Success);
    }
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    let code = causes.into_iter().find(|cause| cause["reason"] == "ExitCode");
    let code = code.and_then(|cause| cause["message"].as_str()?.parse().ok());
    match code {
        Some(code) if status["reason"] == "NonZeroExitCode" => Ok(Ended::Code(code)),
        _ => Err(Error::usage(status["message"].as_str().unwrap_or("unknown"))),
    }
}

#[derive(Clone)]
struct Sender {
    messages: Arc<Mutex<SplitSink<Socket, Message>>>,
    protocol: Protocol,
}

impl Sender {
    async fn send(&self, message: Message) -> bool {
        self.messages.lock().await.send(message).await.is_ok()
    }

    async fn send_input(self, mut stdin: Pin<Box<dyn AsyncRead + Send>>) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(size @ 1..) = stdin.read(&mut buffer).await {
            if !self.send(self.protocol.encode(channels::STDIN, &buffer[..size])).await {
                return;
            }
        }
        if self.protocol.has_close() {
            self.send(self.protocol.encode_close(channels::STDIN)).await;
        }
    }

    async fn send_sizes(self) {
        let Ok(mut sizes) = Sizes::watch() else { return };
        while let Some(size) = sizes.next().await {
            if !self.send(self.protocol.encode(channels::RESIZE, size.as_bytes())).await {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_channel_says_how_it_ended() {
        assert!(matches!(ended(br#"{"status":"Success"}"#), Ok(Ended::Success)));
        let code = br#"{"status":"Failure","reason":"NonZeroExitCode","message":"m",
            "details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
        assert!(matches!(ended(code), Ok(Ended::Code(3))));
        let failed = ended(br#"{"status":"Failure","reason":"InternalError","message":"boom"}"#);
        assert_eq!(failed.err().map(|error| error.report()).as_deref(), Some("error: boom"));
        assert!(matches!(ended(b""), Err(Error::Unreachable { .. })));
    }
}
