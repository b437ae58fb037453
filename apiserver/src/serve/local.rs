//! The server as a tower service, for clients in the same process.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{HOST, UPGRADE};
use http::{HeaderValue, Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use timonier_api::status::Status;
use tower::{BoxError, Service};

use super::front::Front;
use crate::auth::Fixed;
use crate::identity::Identity;
use crate::respond;

/// Bytes under way in each direction of an upgraded connection.
const BUFFER: usize = 64 << 10;

/// Requests made through it come from one fixed identity.
#[derive(Clone)]
pub struct Local {
    front: Front,
    identity: Fixed,
}

impl Local {
    pub(super) fn new(front: Front, identity: Identity) -> Local {
        Local { front, identity: Fixed(Arc::new(identity)) }
    }
}

impl<B> Service<Request<B>> for Local
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.identity.clone());
        let front = self.front.clone();
        async move {
            if request.headers().contains_key(UPGRADE) {
                return Ok(upgraded(front, request).await.unwrap_or_else(|error| {
                    respond::status(Status::internal(format!("the connection could not be upgraded: {error}")))
                }));
            }
            Ok(front.answer(request).await)
        }
        .boxed()
    }
}

/// What is taken over is a connection, so such a request gets one of its own, in memory.
async fn upgraded(front: Front, request: Request<Body>) -> hyper::Result<Response> {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (mut parts, body) = request.into_parts();
    let extensions = std::mem::take(&mut parts.extensions);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(identity) = extensions.get::<Fixed>() {
            request.extensions_mut().insert(identity.clone());
        }
        front.answer(request).map(Ok::<_, Infallible>)
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(serving.with_upgrades());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await?;
    tokio::spawn(connection.with_upgrades());
    // A request over a connection names only its path, and its host beside it.
    parts.headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    parts.uri = parts.uri.path_and_query().map_or_else(Uri::default, |path| path.clone().into());
    let answer = sender.send_request(Request::from_parts(parts, body)).await?;
    Ok(answer.map(Body::new))
}
