//! The server as a tower service, for clients in the same process.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;
use tower::{BoxError, Service};

use crate::auth::Fixed;
use crate::identity::Identity;

/// Requests made through it come from one fixed identity.
#[derive(Clone)]
pub struct Local {
    router: Router,
    identity: Fixed,
}

impl Local {
    pub(super) fn new(router: Router, identity: Identity) -> Local {
        Local { router, identity: Fixed(Arc::new(identity)) }
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
        let mut router = self.router.clone();
        async move { router.call(request).await }.boxed()
    }
}
