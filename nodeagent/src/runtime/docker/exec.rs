//! Processes executed in a running container.

use std::{pin::Pin, sync::Arc, time::Duration};

use bollard::{
    Docker,
    models::{ExecConfig, ExecInspectResponse},
    query_parameters::ResizeExecOptionsBuilder,
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use rustix::process::Signal;
use tokio::io::AsyncWrite;

use super::{connect::Host, convert, demultiplex, hijack, process};
use crate::runtime::{
    RuntimeError,
    session::{Control, ExecRequest, Session, TerminalSize},
};

/// Docker lets go of a terminal at these keys and cannot be told to have none. Nobody types these by accident.
pub const DETACH_KEYS: &str = "ctrl-@,ctrl-_,ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@,ctrl-^";
/// Docker notes a process's end somewhat after the end of its output; asked at least this often.
const SLOWEST_POLL: Duration = Duration::from_millis(250);

pub async fn exec(docker: &Docker, host: &Host, id: &str, request: &ExecRequest) -> Result<Session, RuntimeError> {
    let config = ExecConfig {
        attach_stdin: Some(request.stdin),
        attach_stdout: Some(request.stdout),
        attach_stderr: Some(request.stderr && !request.tty),
        tty: Some(request.tty),
        detach_keys: Some(DETACH_KEYS.to_owned()),
        cmd: Some(request.command.clone()),
        ..ExecConfig::default()
    };
    let exec = docker.create_exec(id, config).await.map_err(convert::error)?.id;
    let body = serde_json::json!({"Detach": false, "Tty": request.tty}).to_string();
    let raw = hijack::post(docker, host, &format!("/exec/{exec}/start"), body).await?;
    let (reader, writer) = tokio::io::split(raw);
    // A terminal's input has no end; Docker would take ours for the end of the output.
    let writer: Pin<Box<dyn AsyncWrite + Send>> =
        if request.tty { Box::pin(hijack::StaysOpen(writer)) } else { Box::pin(writer) };
    Ok(Session {
        input: request.stdin.then_some(writer),
        output: demultiplex::output(reader, request.tty).boxed(),
        control: Arc::new(Exec { docker: docker.clone(), container: id.to_owned(), exec }),
    })
}

struct Exec {
    docker: Docker,
    container: String,
    exec: String,
}

impl Exec {
    async fn inspect(&self) -> Result<ExecInspectResponse, RuntimeError> {
        self.docker.inspect_exec(&self.exec).await.map_err(convert::error)
    }

    async fn signal(&self, signal: Signal) -> Result<(), RuntimeError> {
        let inspected = self.inspect().await?;
        match inspected.pid {
            Some(pid) if inspected.running == Some(true) => process::signal_group(pid, &self.container, signal),
            _ => Ok(()),
        }
    }

    async fn ended(&self) -> Result<Option<i32>, RuntimeError> {
        let mut pause = Duration::from_millis(5);
        loop {
            let inspected = self.inspect().await?;
            if inspected.running != Some(true) {
                return Ok(Some(inspected.exit_code.unwrap_or(0) as i32));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SLOWEST_POLL);
        }
    }
}

impl Control for Exec {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), RuntimeError>> {
        let options = ResizeExecOptionsBuilder::new().w(size.width.into()).h(size.height.into()).build();
        async move { self.docker.resize_exec(&self.exec, options).await.map_err(convert::error) }.boxed()
    }

    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>, RuntimeError>> {
        self.ended().boxed()
    }

    fn hang_up(&self) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.signal(Signal::HUP).boxed()
    }

    fn kill(&self) -> BoxFuture<'_, Result<(), RuntimeError>> {
        self.signal(Signal::KILL).boxed()
    }
}
