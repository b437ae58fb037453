//! Connections: accept, shake hands, serve HTTP/2 or HTTP/1.1, drain.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::front::{Connected, Front};
use super::streams::Streams;
use crate::auth::{self, PeerIdentity};

/// A client that has not finished its handshake by then is cut off.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Accepts until `stop`, then waits for the connections to finish what they are doing.
///
/// `slow`: a client that takes nothing of what waits for it for so long is cut off.
pub async fn accept(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    front: Front,
    slow: Option<Duration>,
    stop: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = Arc::new(GracefulShutdown::new());
    let http = Arc::new(http(slow));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                tune(&stream, slow);
                let (acceptor, front, http) = (acceptor.clone(), front.clone(), http.clone());
                let watcher = graceful.watcher();
                tokio::spawn(shake(stream, acceptor, front, http, watcher));
            }
            Err(error) => {
                // Out of file descriptors, most likely: leave the others time to give some back.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if let Some(graceful) = Arc::into_inner(graceful) {
        graceful.shutdown().await;
    }
}

/// The kernel keeps the time: with data that waits to be sent or acknowledged for `slow`, it ends the connection. That holds
/// for a client that vanished and for one that does not read, and costs nothing while neither happens.
fn tune(stream: &TcpStream, slow: Option<Duration>) {
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_user_timeout(slow));
    if let Err(error) = set {
        tracing::debug!("a connection without its options: {error}");
    }
}

/// What a stream of HTTP/2 may have waiting to be sent, in bytes. A watcher that is behind takes what waits in the store in larger
/// pieces; what waits here has been cut already, and is late by all that other streams of the connection send before it.
const SEND: usize = 64 << 10;

/// Streams of one connection at a time.
const STREAMS: u32 = 1000;
/// What a client may send of a body before somebody reads it. A connection has room for the windows of all its streams:
/// bodies of requests that wait for their turn never hold up those whose turn it is.
const WINDOW: u32 = 64 << 10;

fn http(slow: Option<Duration>) -> Builder<Streams> {
    let mut builder = Builder::new(Streams { slow });
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(STREAMS * WINDOW)
        .max_send_buf_size(SEND);
    builder
}

/// Shakes hands, and then leaves the connection to a task of its own: one task for both would keep the memory of the handshake
/// for as long as the connection lasts.
async fn shake(stream: TcpStream, acceptor: TlsAcceptor, front: Front, http: Arc<Builder<Streams>>, watcher: Watcher) {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, front, &http, watcher),
        Ok(Err(error)) => tracing::debug!("TLS handshake failed: {error}"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

fn serve(stream: TlsStream<TcpStream>, front: Front, http: &Builder<Streams>, watcher: Watcher) {
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let peer = certificate.and_then(auth::certificate_identity).map(|identity| PeerIdentity(Arc::new(identity)));
    let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), Connected { front, peer });
    tokio::spawn(watcher.watch(connection.into_owned()).map(|ended| {
        if let Err(error) = ended {
            tracing::debug!("connection ended: {error}");
        }
    }));
}
