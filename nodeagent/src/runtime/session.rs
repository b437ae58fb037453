//! A process that somebody talks to: one that was executed in a container, or a container's own.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture, stream::BoxStream};
use tokio::io::AsyncWrite;

use super::RuntimeError;

/// What to run in a container, and which of its streams are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecRequest {
    pub command: Vec<String>,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// A terminal of its own: one output stream, and sizes.
    pub tty: bool,
}

/// Which streams of a running container are wanted. Whether they are a terminal, its spec says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachRequest {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Stdout(Bytes),
    Stderr(Bytes),
}

impl Output {
    pub fn bytes(&self) -> &Bytes {
        match self {
            Output::Stdout(bytes) | Output::Stderr(bytes) => bytes,
        }
    }
}

/// In characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    pub width: u16,
    pub height: u16,
}

/// Dropping it drops the connection to the process, which may run on: [`Control`] ends it.
pub struct Session {
    /// Shutting it down closes the process's standard input. `None` if it was not asked for.
    pub input: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// In the order in which the process wrote; read only as fast as it is taken.
    pub output: BoxStream<'static, Result<Output, RuntimeError>>,
    pub control: Arc<dyn Control>,
}

pub trait Control: Send + Sync {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), RuntimeError>>;
    /// Waits for the process to end. `None`: the process is the container's own, whose end its status tells.
    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>, RuntimeError>>;
    /// Tells an executed process that whoever asked for it is gone, as a closing terminal does.
    fn hang_up(&self) -> BoxFuture<'_, Result<(), RuntimeError>>;
    /// Kills an executed process and its group. A container's own is left alone.
    fn kill(&self) -> BoxFuture<'_, Result<(), RuntimeError>>;
}

/// What a command printed and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    /// `None` if it ran out of time and was killed.
    pub code: Option<i32>,
    /// Both streams, in order; what goes beyond [`OUTPUT_LIMIT`] is left out.
    pub output: Vec<u8>,
}

/// What is kept of a command's output, in bytes.
pub const OUTPUT_LIMIT: usize = 16 << 10;

/// Reads a session to its end, or kills it when the time is over.
pub async fn run(session: Session, timeout: Duration) -> Result<ExecOutput, RuntimeError> {
    let Session { input, mut output, control, .. } = session;
    let mut kept = Vec::new();
    let ended = tokio::time::timeout(timeout, async {
        drop(input);
        while let Some(chunk) = output.next().await {
            let chunk = chunk?;
            let room = OUTPUT_LIMIT - kept.len();
            kept.extend_from_slice(&chunk.bytes()[..chunk.bytes().len().min(room)]);
        }
        control.exit_code().await
    });
    match ended.await {
        Ok(code) => {
            let missing = || RuntimeError::Failed("the command has no exit code".to_owned());
            Ok(ExecOutput { code: Some(code?.ok_or_else(missing)?), output: kept })
        }
        Err(_) => {
            control.kill().await?;
            Ok(ExecOutput { code: None, output: kept })
        }
    }
}
