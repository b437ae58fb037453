//! The other end of exec and attach, whichever way it came.

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{outcome::Outcome, spdy::SpdySink, websocket::WebSocketSink};
use crate::runtime::session::{Output, TerminalSize};

/// What a client sends, and where its output goes.
pub struct Client {
    /// Ends where the client closed its input, or is gone.
    pub stdin: mpsc::Receiver<Bytes>,
    pub sizes: mpsc::Receiver<TerminalSize>,
    pub sink: Sink,
    /// Cancelled when nobody listens any more.
    pub gone: CancellationToken,
    /// What reads from the client, for as long as it is here.
    pub readers: Vec<AbortOnDropHandle<()>>,
}

pub enum Sink {
    WebSocket(WebSocketSink),
    Spdy(SpdySink),
}

/// The client is gone.
#[derive(Debug)]
pub struct Gone;

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

/// As clients write it.
#[derive(Deserialize)]
struct Size {
    #[serde(rename = "Width", alias = "width")]
    width: u16,
    #[serde(rename = "Height", alias = "height")]
    height: u16,
}

/// The newest size in a resize stream's bytes; what makes no sense is passed over.
pub fn size(json: &[u8]) -> Option<TerminalSize> {
    let sizes = serde_json::Deserializer::from_slice(json).into_iter::<Size>();
    let newest = sizes.map_while(Result::ok).last()?;
    Some(TerminalSize { width: newest.width, height: newest.height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_size_counts() {
        let wanted = Some(TerminalSize { width: 132, height: 43 });
        assert_eq!(size(b"{\"Width\":132,\"Height\":43}"), wanted);
        assert_eq!(size(b"{\"Width\":1,\"Height\":2}\n{\"Width\":132,\"Height\":43}\n"), wanted);
        assert_eq!(size(b"{\"Width\":-1}"), None);
        assert_eq!(size(b""), None);
    }
}
