//! Where a client's output goes, whichever way it came.

use tokio_util::sync::CancellationToken;

use super::{client::Gone, outcome::Outcome, spdy::SpdySink, websocket::WebSocketSink};
use crate::runtime::session::Output;

pub enum Sink {
    WebSocket(WebSocketSink),
    Spdy(SpdySink),
}

impl Sink {
    /// Returns when the output is on its way: no faster than the client reads.
    pub async fn write(&mut self, output: Output) -> Result<(), Gone> {
        match self {
            Sink::WebSocket(sink) => sink.write(output).await,
            Sink::Spdy(sink) => sink.write(output).await,
        }
    }

    /// Says how it ended, and closes once the client has heard it.
    pub async fn finish(self, outcome: Outcome, gone: CancellationToken) {
        match self {
            Sink::WebSocket(sink) => sink.finish(outcome, gone).await,
            Sink::Spdy(sink) => sink.finish(outcome).await,
        }
    }
}
