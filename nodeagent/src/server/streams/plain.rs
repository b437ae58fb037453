//! A connection to one port of a pod, at the pod's own address and without a protocol around it: what the API server sends
//! requests over that it passes on to pods.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper_util::rt::TokioIo;
use timonier_streaming::websocket::has_token;
use tokio::{io::copy_bidirectional, net::TcpStream};

use super::{options, target, target::Target};
use crate::{
    desired,
    runtime::Runtime,
    server::{Server, logs::Refusal},
};

/// What such a connection is upgraded to.
const PROTOCOL: &str = "tcp";
/// How long the pod may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

pub fn is_requested(headers: &HeaderMap) -> bool {
    has_token(headers, header::CONNECTION, "upgrade") && has_token(headers, header::UPGRADE, PROTOCOL)
}

pub async fn open<R: Runtime>(
    server: &Server<R>,
    namespace: &str,
    pod: &str,
    query: &str,
) -> Result<TcpStream, Refusal> {
    let ports = options::ports(query).map_err(|message| (StatusCode::BAD_REQUEST, message))?;
    let [port] = ports[..] else {
        return Err((StatusCode::BAD_REQUEST, "one port is connected to".to_owned()));
    };
    let target = Target::find(server, namespace, pod).await?;
    let sandbox = target.sandbox()?;
    let address = desired::address(&target.pod, &target.observed, server.runtime.host_address());
    let address = address.ok_or_else(|| (StatusCode::CONFLICT, "the pod has no address".to_owned()))?;
    let connecting = tokio::time::timeout(CONNECT, server.runtime.connect(&sandbox, Some(address), port));
    match connecting.await {
        Ok(connected) => connected.map_err(target::refusal),
        Err(_) => Err((StatusCode::GATEWAY_TIMEOUT, format!("{address}:{port} did not answer in time"))),
    }
}

/// Answers 101; from then on bytes are copied both ways until both sides have ended.
pub fn answer(mut request: Request, mut stream: TcpStream) -> Response {
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => {
                let _gone = copy_bidirectional(&mut TokioIo::new(upgraded), &mut stream).await;
            }
            Err(error) => tracing::debug!(%error, "connection not taken over"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
    response
}
