//! `grpc.health.v1.Health/Check`: SERVING is success. One call over a connection of its own, without TLS.
//!
//! The two messages have one field each, so they are written and read here: `service` (1, text) and `status` (1, enum).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;

use super::tcp;
use crate::memory::{go_duration, signed};

const ANSWER_LIMIT: usize = 4 << 10;
/// The names of `HealthCheckResponse.ServingStatus`.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING: u64 = 1;
const UNIMPLEMENTED: &str = "12";

pub async fn check(host: &str, port: u16, service: &str, limit: Duration) -> Result<(), String> {
    let late = || format!("timeout: health rpc did not complete within {}", go_duration(signed(limit)));
    timeout(limit, ask(host, port, service, limit)).await.unwrap_or_else(|_| Err(late()))
}

async fn ask(host: &str, port: u16, service: &str, limit: Duration) -> Result<(), String> {
    let address = format!("{host}:{port}");
    let unreachable = |error: String| format!("error: failed to connect service at {address:?}: {error}");
    let failed = |error: String| format!("error: health rpc probe failed: {error}");
    let stream = tcp::dial(host, port, limit).await.map_err(unreachable)?;
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.36")
        .body(Full::new(question(service)))
        .map_err(|error| failed(error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
    // An error may come without a body: then it stands in the first headers.
    let first = answer.headers().clone();
    let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
    connection.abort();
    let body = body.map_err(|error| failed(error.to_string()))?;
    refusal(body.trailers().unwrap_or(&first))?;
    match status(&body.to_bytes()).ok_or_else(|| failed("the answer is no HealthCheckResponse".to_owned()))? {
        SERVING => Ok(()),
        other => {
            let name = usize::try_from(other).ok().and_then(|other| STATUSES.get(other));
            let name = name.map_or_else(|| other.to_string(), |name| (*name).to_owned());
            Err(format!("service unhealthy (responded with {name:?})"))
        }
    }
}

/// The call's own error.
fn refusal(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let message = percent_encoding::percent_decode_str(text("grpc-message")).decode_utf8_lossy().into_owned();
    match text("grpc-status") {
        "0" => Ok(()),
        UNIMPLEMENTED => Err(format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {message}"
        )),
        "" => Err("error: health rpc probe failed: the answer is no gRPC".to_owned()),
        code => Err(format!("error: health rpc probe failed: rpc error: code = {code} desc = {message}")),
    }
}

/// A frame with a `HealthCheckRequest`.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put(message);
    frame.freeze()
}

/// The status in a frame with a `HealthCheckResponse`; one that is left out is 0.
fn status(frame: &[u8]) -> Option<u64> {
    let (head, message) = frame.split_at_checked(5)?;
    if head[0] != 0 {
        return None;
    }
    match message {
        [] => Some(0),
        [tag, value @ ..] if *tag == 1 << 3 => {
            let mut status = 0;
            for (index, byte) in value.iter().take(9).enumerate() {
                status |= u64::from(byte & 0x7f) << (7 * index);
                if byte & 0x80 == 0 {
                    return Some(status);
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::StreamExt;
    use http::{HeaderValue, Response};
    use http_body_util::StreamBody;
    use hyper::{body::Frame, service::service_fn};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn messages_are_written_and_read_as_protobuf() {
        assert_eq!(question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(question("db")[..], [0, 0, 0, 0, 4, 10, 2, b'd', b'b']);
        assert_eq!(question(&"x".repeat(200))[5..8], [10, 200, 1]);
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(status(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(status(&[0, 0, 0]), None);
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 0x80]), None);
    }

    /// A server that answers every call with this status, and what the probe makes of it.
    async fn probe(message: &'static [u8], code: &'static str, service: &str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let expected = service.to_owned();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let expected = question(&expected);
                async move {
                    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                    let asked = request.into_body().collect().await.expect("a request").to_bytes();
                    assert_eq!(asked, expected);
                    let trailers = HeaderMap::from_iter([
                        (http::HeaderName::from_static("grpc-status"), HeaderValue::from_static(code)),
                        (http::HeaderName::from_static("grpc-message"), HeaderValue::from_static("why%20not")),
                    ]);
                    let frames = [Frame::data(Bytes::from_static(message)), Frame::trailers(trailers)];
                    Ok::<_, Infallible>(Response::new(StreamBody::new(
                        futures::stream::iter(frames).map(Ok::<_, Infallible>),
                    )))
                }
            });
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
        let verdict = check("127.0.0.1", port, service, Duration::from_secs(5)).await;
        server.abort();
        verdict
    }

    #[tokio::test]
    async fn only_a_server_that_serves_is_healthy() {
        assert_eq!(probe(&[0, 0, 0, 0, 2, 8, 1], "0", "").await, Ok(()));
        assert_eq!(probe(&[0, 0, 0, 0, 2, 8, 1], "0", "db").await, Ok(()));
        let unhealthy = Err("service unhealthy (responded with \"NOT_SERVING\")".to_owned());
        assert_eq!(probe(&[0, 0, 0, 0, 2, 8, 2], "0", "").await, unhealthy);
        let unimplemented =
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): why not";
        assert_eq!(probe(&[], "12", "").await, Err(unimplemented.to_owned()));
    }

    #[tokio::test]
    async fn a_port_that_nobody_serves_is_said_to_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let refused = check("127.0.0.1", port, "", Duration::from_secs(5)).await;
        let expected = format!(
            "error: failed to connect service at \"127.0.0.1:{port}\": dial tcp 127.0.0.1:{port}: connect: connection refused"
        );
        assert_eq!(refused, Err(expected));
    }
}
