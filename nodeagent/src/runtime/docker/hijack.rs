//! Docker's hijacked streams, as raw bytes.
//!
//! A stream has a connection of its own: half of it can be closed, and nobody waits behind it. What comes out of a
//! terminal has no frames, so no decoder may stand between.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bollard::Docker;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWrite,
    net::{TcpStream, UnixStream},
};

use super::{connect::Host, convert};
use crate::runtime::RuntimeError;

/// Both directions of an upgraded connection. Shutting it down ends our half only.
pub type Raw = TokioIo<Upgraded>;

/// What is read of a refusal, in bytes.
const REFUSAL_LIMIT: usize = 64 << 10;

/// Posts to `path` (without the version) and takes over the connection.
pub async fn post(docker: &Docker, host: &Host, path: &str, body: String) -> Result<Raw, RuntimeError> {
    let version = docker.client_version();
    let request = Request::post(format!("/v{}.{}{path}", version.major_version, version.minor_version))
        .header(header::HOST, "docker")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "tcp")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| RuntimeError::Failed(error.to_string()))?;
    match host {
        Host::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(unavailable)?;
            take_over(TokioIo::new(stream), request).await
        }
        Host::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(unavailable)?;
            take_over(TokioIo::new(stream), request).await
        }
    }
}

async fn take_over<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Raw, RuntimeError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(unavailable)?;
    let connection = tokio::spawn(connection.with_upgrades());
    let answer = sender.send_request(request).await.map_err(unavailable)?;
    let status = answer.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let body = Limited::new(answer.into_body(), REFUSAL_LIMIT).collect().await;
        connection.abort();
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        return Err(convert::refusal(status.as_u16(), message(&body)));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(unavailable)?;
    Ok(TokioIo::new(upgraded))
}

fn message(body: &[u8]) -> String {
    let said = serde_json::from_slice::<serde_json::Value>(body).ok();
    let said = said.and_then(|said| Some(said["message"].as_str()?.to_owned()));
    said.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

fn unavailable(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Unavailable(error.to_string())
}

/// A writer whose end is kept from the other side, which would end its own half with it.
pub struct StaysOpen<W>(pub W);

impl<W: AsyncWrite + Unpin> AsyncWrite for StaysOpen<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(cx)
    }
}
