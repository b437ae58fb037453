//! What every request passes, in this order: it is read, counted, authenticated, given a seat, authorized, and answered.
//!
//! One future holds all of it: a layer of its own for each step would cost every request two more boxes a layer.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use timonier_api::status::Status;
use tower::Service;

use super::streams::Told;
use crate::app::App;
use crate::auth::{self, PeerIdentity};
use crate::{metrics, request, respond};

/// Answers requests.
#[derive(Clone)]
pub(super) struct Front {
    app: Arc<App>,
    /// What is behind the steps.
    routes: Router,
}

impl Front {
    pub(super) fn new(app: Arc<App>, routes: Router) -> Front {
        Front { app, routes }
    }

    pub(super) fn answer(&self, request: Request) -> BoxFuture<'static, Response> {
        let front = self.clone();
        async move {
            let answered = AssertUnwindSafe(front.pass(request)).catch_unwind().await;
            answered.unwrap_or_else(panicked)
        }
        .boxed()
    }

    async fn pass(self, mut request: Request) -> Response {
        request::read(&mut request);
        let counted = metrics::begin(&self.app, &request);
        let response = counted.trace(self.admitted(request)).await;
        counted.end(response.status());
        response
    }

    async fn admitted(&self, mut request: Request) -> Response {
        if let Err(refusal) = auth::authenticate(&self.app, &mut request).await {
            return respond::status(refusal);
        }
        // The seat is held until the answer's head is there: what a watch or a log sends later takes none.
        let _seat = match auth::authorize(&self.app, request.extensions()).await {
            Ok(seat) => seat,
            Err(refusal) => return respond::status(refusal),
        };
        let Ok(response) = self.routes.clone().call(request).await;
        response
    }
}

/// An answer on its way to a client.
type Sent = http::Response<Told<Body>>;

/// The same for one connection, whose client may have shown who it is.
pub(super) struct Connected {
    pub front: Front,
    pub peer: Option<PeerIdentity>,
}

impl hyper::service::Service<http::Request<Incoming>> for Connected {
    type Response = Sent;
    type Error = Infallible;
    type Future = futures::future::Map<BoxFuture<'static, Response>, fn(Response) -> Result<Sent, Infallible>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let mut request = request.map(Body::new);
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        self.front.answer(request).map(|response| Ok(response.map(Told::of)))
    }
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown panic");
    tracing::error!("a request panicked: {text}");
    respond::status(Status::internal("the request could not be handled; the server's log says why"))
}
