//! A port for metrics and health, for programs that have no other.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::{Exposition, metrics};

/// Answers `/metrics` and `/healthz` in plain text until it is dropped. Fails when the address is taken.
pub async fn serve(address: SocketAddr) -> std::io::Result<impl Future<Output = ()>> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "serving metrics");
    Ok(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let mut http = http1::Builder::new();
                    http.timer(TokioTimer::new());
                    tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection for metrics: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (code, kind, text) = match request.uri().path() {
        "/metrics" => (StatusCode::OK, Exposition::CONTENT_TYPE, metrics::exposition()),
        "/healthz" | "/livez" | "/readyz" => (StatusCode::OK, "text/plain", "ok".to_owned()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "404 page not found\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    Ok(response)
}
