//! What happens to every request of ours: it says in which trace it was made, and its answer is counted.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service};

use crate::metrics;

/// The layer of a client, and the service that it makes.
#[derive(Clone, Debug)]
pub struct Traffic<S>(pub S);

#[derive(Clone, Copy, Debug)]
pub struct TrafficLayer;

impl<S> Layer<S> for TrafficLayer {
    type Service = Traffic<S>;

    fn layer(&self, inner: S) -> Traffic<S> {
        Traffic(inner)
    }
}

impl<S, A, B> Service<Request<A>> for Traffic<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        timonier_telemetry::inject(request.headers_mut());
        let method = request.method().clone();
        let answer = self.0.call(request);
        async move {
            let answer = answer.await;
            metrics::answered(&method, &answer);
            answer
        }
        .boxed()
    }
}
