//! The other end of exec and attach, whichever way it came.

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::runtime::session::TerminalSize;

/// What a client sends, and where its output goes.
pub struct Client<S> {
    /// Ends where the client closed its input, or is gone.
    pub stdin: mpsc::Receiver<Bytes>,
    pub sizes: mpsc::Receiver<TerminalSize>,
    pub sink: S,
    /// Cancelled when nobody listens any more.
    pub gone: CancellationToken,
    /// What reads from the client, for as long as it is here.
    pub readers: Vec<AbortOnDropHandle<()>>,
}

/// The client is gone.
#[derive(Debug)]
pub struct Gone;

impl<S> Client<S> {
    /// The same with another view of where its output goes.
    pub fn with<T>(self, sink: impl FnOnce(S) -> T) -> Client<T> {
        let Client { stdin, sizes, sink: before, gone, readers } = self;
        Client { stdin, sizes, sink: sink(before), gone, readers }
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
