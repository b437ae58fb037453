//! A client whose requests and watches share one connection, by HTTP/2, as every Kubernetes API server speaks it.
//!
//! With HTTP/1.1 each request under way needs a connection of its own: who writes hundreds of objects at once pays for
//! hundreds of handshakes, and the server for their memory. Connections cannot be upgraded here (exec, port-forward).

use std::time::Duration;

use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::{Client, Config, client::ConfigExt, client::retry::RetryPolicy};
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

use crate::traffic::TrafficLayer;

/// How long a handshake with the server's host may take.
const CONNECT: Duration = Duration::from_secs(10);
/// A connection on which the server does not answer is given up after the sum of these, and another opened.
const PING: Duration = Duration::from_secs(5);
const PONG: Duration = Duration::from_secs(10);
/// What the server may send unasked on a stream: much, so that one watch takes much at once.
const STREAM_WINDOW: u32 = 256 << 10;
/// Streams that a server lets us have at a time.
const STREAMS: u32 = 1000;
/// The same on all streams together. The windows of all have room: however many streams nobody reads, they never
/// hold up the others.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;

/// A client for what `config` names. Opens no connection yet.
pub fn client(config: Config) -> Result<Client, kube::Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    let mut connector = HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_only();
    if let Some(name) = config.tls_server_name.clone().and_then(|name| name.try_into().ok()) {
        connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = connector.enable_http2().wrap_connector(http);
    let http: HttpClient<_, kube::client::Body> = HttpClient::builder(TokioExecutor::new())
        // Known beforehand, so that the first requests wait for one connection rather than open one each.
        .http2_only(true)
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PONG)
        .http2_keep_alive_while_idle(true)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build(connector);
    let retried = config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry()));
    let service = ServiceBuilder::new()
        .layer(TrafficLayer)
        .layer(config.base_uri_layer())
        .option_layer(retried)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}
