//! A running container's own streams.

use std::{pin::Pin, sync::Arc};

use bollard::{
    Docker,
    query_parameters::{InspectContainerOptions, ResizeContainerTTYOptionsBuilder},
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use tokio::io::AsyncWrite;

use super::{connect::Host, convert, demultiplex, exec::DETACH_KEYS, hijack};
use crate::runtime::{
    RuntimeError,
    session::{AttachRequest, Control, Session, TerminalSize},
};

pub async fn attach(docker: &Docker, host: &Host, id: &str, request: &AttachRequest) -> Result<Session, RuntimeError> {
    let inspected = docker.inspect_container(id, None::<InspectContainerOptions>).await.map_err(convert::error)?;
    if !inspected.state.and_then(|state| state.running).unwrap_or(false) {
        return Err(RuntimeError::Conflict(format!("Container {id} is not running")));
    }
    let config = inspected.config.unwrap_or_default();
    let tty = config.tty.unwrap_or(false);
    let stdin = request.stdin && config.open_stdin.unwrap_or(false);
    let keys = DETACH_KEYS.replace('@', "%40").replace('^', "%5E").replace(',', "%2C");
    let path = format!(
        "/containers/{id}/attach?stream=1&stdin={}&stdout={}&stderr={}&detachKeys={keys}",
        u8::from(stdin),
        u8::from(request.stdout),
        u8::from(request.stderr && !tty),
    );
    let raw = hijack::post(docker, host, &path, String::new()).await?;
    let (reader, writer) = tokio::io::split(raw);
    // Where the input stays open for the next client, Docker would end the output together with this client's input.
    let closes = config.stdin_once.unwrap_or(false) && !tty;
    let writer: Pin<Box<dyn AsyncWrite + Send>> =
        if closes { Box::pin(writer) } else { Box::pin(hijack::StaysOpen(writer)) };
    Ok(Session {
        input: request.stdin.then_some(writer),
        output: demultiplex::output(reader, tty).boxed(),
        control: Arc::new(Attached { docker: docker.clone(), id: id.to_owned() }),
    })
}

struct Attached {
    docker: Docker,
    id: String,
}

impl Control for Attached {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), RuntimeError>> {
        let options = ResizeContainerTTYOptionsBuilder::new().w(size.width.into()).h(size.height.into()).build();
        async move { self.docker.resize_container_tty(&self.id, options).await.map_err(convert::error) }.boxed()
    }

    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>, RuntimeError>> {
        futures::future::ready(Ok(None)).boxed()
    }

    fn hang_up(&self) -> BoxFuture<'_, Result<(), RuntimeError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn kill(&self) -> BoxFuture<'_, Result<(), RuntimeError>> {
        futures::future::ready(Ok(())).boxed()
    }
}
