//! The agent's own port: the kubelet's routes, for the API server alone.
//!
//! A client shows a certificate that the cluster's CA signed, with the API server's name in it; anyone else gets 401.

mod figures;
mod logs;
mod streams;
#[cfg(test)]
mod tests;
mod tls;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
pub use figures::About;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use k8s_openapi::api::core::v1::Pod;
use logs::Refusal;
use serde_json::json;
pub use tls::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::AgentTls,
    directory::{Directory, Missing},
    error::Error,
    runtime::Runtime,
    stats::Stats,
};

pub struct Server<R> {
    pub runtime: Arc<R>,
    pub directory: Directory,
    pub stats: Arc<Stats<R>>,
    pub about: Arc<About>,
}

impl<R> Clone for Server<R> {
    fn clone(&self) -> Self {
        Server {
            runtime: self.runtime.clone(),
            directory: self.directory.clone(),
            stats: self.stats.clone(),
            about: self.about.clone(),
        }
    }
}

impl<R> Server<R> {
    /// The pod of that name; `unknown` says that there is none.
    async fn pod(&self, namespace: &str, name: &str, unknown: impl FnOnce() -> String) -> Result<Arc<Pod>, Refusal> {
        self.directory.find(namespace, name).await.map_err(|missing| match missing {
            Missing::Unknown => (StatusCode::NOT_FOUND, unknown()),
            Missing::NotRead => {
                let message = "the node's agent has just started and has not read its pods yet; try again";
                (StatusCode::SERVICE_UNAVAILABLE, message.to_owned())
            }
        })
    }
}

/// Whether the connection's certificate is the API server's.
#[derive(Clone, Copy)]
struct Trusted(bool);

/// Binds the port; the address says which one, if any free one was asked for.
pub async fn bind(address: SocketAddr, tls: &AgentTls) -> Result<(TcpListener, Acceptor, SocketAddr), Error> {
    let failed = |error: std::io::Error| Error::Listen { address: address.to_string(), message: error.to_string() };
    let acceptor = Acceptor::load(tls)?;
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, acceptor, bound))
}

/// Serves until `shutdown`, then lets what is under way end by itself.
pub async fn serve<R: Runtime>(
    listener: TcpListener,
    acceptor: Acceptor,
    server: Server<R>,
    shutdown: CancellationToken,
) {
    let router = router(server);
    let connections = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (acceptor, router, shutdown) = (acceptor.clone(), router.clone(), shutdown.clone());
        connections.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = connection(stream, acceptor, router) => {}
            }
        });
    }
}

async fn connection(stream: TcpStream, acceptor: Acceptor, router: Router) {
    let (stream, trusted) = match acceptor.accept(stream).await {
        Ok(accepted) => accepted,
        Err(error) => return tracing::debug!(%error, "TLS handshake failed"),
    };
    let service = TowerToHyperService::new(router.layer(axum::Extension(Trusted(trusted))));
    let builder = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection ended");
    }
}

pub(crate) fn router<R: Runtime>(server: Server<R>) -> Router {
    Router::new()
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::container_logs::<R>))
        .route("/exec/{namespace}/{pod}/{container}", any(streams::exec::<R>))
        .route("/attach/{namespace}/{pod}/{container}", any(streams::attach::<R>))
        .route("/portForward/{namespace}/{pod}", any(streams::port_forward::<R>))
        .route("/pods", get(pods::<R>))
        .route("/stats/summary", get(figures::summary::<R>))
        .route("/metrics", get(figures::own::<R>))
        .route("/metrics/resource", get(figures::metrics::<R>))
        .route("/configz", get(figures::configz::<R>))
        .route("/healthz", get(|| async { "ok" }))
        .layer(middleware::from_fn(authorise))
        .with_state(server)
}

async fn authorise(request: Request, next: Next) -> Response {
    match request.extensions().get::<Trusted>() {
        Some(Trusted(true)) => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
    }
}

async fn pods<R: Runtime>(State(server): State<Server<R>>) -> Response {
    let pods = server.directory.all();
    let items: Vec<_> = pods.iter().map(|pod| pod.as_ref()).collect();
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items});
    ([(header::CONTENT_TYPE, "application/json")], list.to_string()).into_response()
}
