//! WebSocket connections through the API server.

use crate::cluster::{Call, Session};
use crate::error::Error;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use timonier_streaming::websocket;
use tokio_tungstenite::WebSocketStream;

pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A WebSocket at this path, and the subprotocol that the server chose of those offered.
pub async fn websocket(session: &Session, call: Call, protocols: &'static str) -> Result<(Socket, String), Error> {
    let (headers, key) = websocket::request(protocols);
    let answer = session.upgrade(call, headers).await?;
    let chosen = websocket::chosen(answer.headers(), &key)
        .ok_or_else(|| Error::Protocol("the server upgraded to something that was not asked for".into()))?;
    let upgraded = hyper::upgrade::on(answer).await;
    let upgraded = upgraded.map_err(|error| Error::Unreachable { detail: error.to_string() })?;
    Ok((websocket::over(TokioIo::new(upgraded), false).await, chosen))
}
