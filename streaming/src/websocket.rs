//! WebSocket upgrades (RFC 6455), and bytes carried in their messages.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt, stream::SplitSink};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message, Utf8Bytes,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// SPDY's bytes in binary messages, for port-forward.
pub const TUNNELLED_PORT_FORWARD: &str = "SPDY/3.1+portforward.k8s.io";
/// What a client may send in one message, in bytes. Old clients send all of their input in one.
const MESSAGE: usize = 32 << 20;

/// Whether the request asks for a WebSocket.
pub fn is_requested(headers: &HeaderMap) -> bool {
    has_token(headers, header::CONNECTION, "upgrade") && has_token(headers, header::UPGRADE, "websocket")
}

/// Whether a header that is a list has this among its words.
pub fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    list(headers, name).iter().any(|word| word.eq_ignore_ascii_case(token))
}

/// The words of a header that is a list, over all its lines.
pub fn list(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    let words = lines.flat_map(|line| line.split(',')).map(|word| word.trim().to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// The subprotocols that a client offers, in its order.
pub fn offered(headers: &HeaderMap) -> Vec<String> {
    list(headers, header::SEC_WEBSOCKET_PROTOCOL)
}

/// The head of the answer 101. `None`: the request lacks its key or has another version of the protocol.
pub fn accept(request: &HeaderMap, protocol: &str) -> Option<HeaderMap> {
    let version = request.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = request.get(header::SEC_WEBSOCKET_KEY)?;
    if version.as_bytes() != b"13" {
        return None;
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()).parse().ok()?);
    if !protocol.is_empty() {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.parse().ok()?);
    }
    Some(headers)
}

/// The head of a client's request, and the key that its answer must match.
pub fn request(protocols: &'static str) -> (HeaderMap, String) {
    let key = generate_key();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocols));
    if let Ok(value) = key.parse() {
        headers.insert(header::SEC_WEBSOCKET_KEY, value);
    }
    (headers, key)
}

/// The protocol that an answer 101 chose, if it answers the request with this key.
pub fn chosen(answer: &HeaderMap, key: &str) -> Option<String> {
    let accepted = answer.get(header::SEC_WEBSOCKET_ACCEPT)?;
    let protocol = answer.get(header::SEC_WEBSOCKET_PROTOCOL)?;
    let ours = derive_accept_key(key.as_bytes());
    (accepted.as_bytes() == ours.as_bytes()).then(|| protocol.to_str().ok().map(str::to_owned))?
}

/// Messages over an upgraded connection.
pub async fn over<S: AsyncRead + AsyncWrite + Unpin>(upgraded: S, server: bool) -> WebSocketStream<S> {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    WebSocketStream::from_raw_socket(upgraded, if server { Role::Server } else { Role::Client }, Some(config)).await
}

/// The messages' bytes, one after the other: what comes in, and what goes out.
pub fn bytes<S>(socket: WebSocketStream<S>) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, messages) = socket.split();
    (StreamReader::new(binary(messages)), SinkWriter::new(CopyToBytes::new(Messages { sink, said_goodbye: false })))
}

fn binary(
    messages: impl Stream<Item = Result<Message, WsError>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Unpin + Send {
    let bytes = messages.filter_map(|message| {
        futures::future::ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
            Ok(Message::Text(_)) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, "a text message"))),
            Ok(_) => None,
            Err(error) => Some(Err(io::Error::other(error))),
        })
    });
    bytes.boxed()
}

/// A sink of bytes for binary messages, closed as clients want it: with a reason.
struct Messages<S> {
    sink: SplitSink<WebSocketStream<S>, Message>,
    said_goodbye: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Bytes> for Messages<S> {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_ready_unpin(cx).map_err(io::Error::other)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> io::Result<()> {
        self.sink.start_send_unpin(Message::Binary(bytes)).map_err(io::Error::other)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_flush_unpin(cx).map_err(io::Error::other)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            ready!(self.as_mut().poll_ready(cx))?;
            self.said_goodbye = true;
            self.sink.start_send_unpin(goodbye()).map_err(io::Error::other)?;
        }
        self.poll_flush(cx)
    }
}

/// The end of a connection that nothing is wrong with; clients take one without a code for an error.
pub fn goodbye() -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() }))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn an_answer_matches_the_request_it_answers() {
        let (asked, key) = request("a, b");
        assert!(is_requested(&asked));
        assert_eq!(offered(&asked), ["a", "b"]);
        let answer = accept(&asked, "b").expect("accepted");
        assert_eq!(chosen(&answer, &key).as_deref(), Some("b"));
        assert_eq!(chosen(&answer, "another"), None);
        assert!(accept(&HeaderMap::new(), "b").is_none());
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_end() {
        let (client, server) = tokio::io::duplex(1000);
        let ((mut reader, mut writer), (mut their_reader, mut their_writer)) =
            (bytes(over(client, false).await), bytes(over(server, true).await));
        let sent = vec![9; 100_000];
        let expected = sent.clone();
        let sending = tokio::spawn(async move {
            writer.write_all(&sent).await.expect("written");
            writer.flush().await.expect("flushed");
            let mut answer = [0; 2];
            reader.read_exact(&mut answer).await.expect("read");
            writer.shutdown().await.expect("closed");
            assert_eq!(reader.read(&mut [0]).await.expect("an end"), 0);
            answer
        });
        let mut seen = vec![0; expected.len()];
        their_reader.read_exact(&mut seen).await.expect("read");
        assert!(seen == expected);
        their_writer.write_all(b"ok").await.expect("written");
        their_writer.flush().await.expect("flushed");
        assert_eq!(their_reader.read(&mut [0]).await.expect("an end"), 0);
        // The server closes the connection under it first, as the protocol has it.
        drop((their_reader, their_writer));
        assert_eq!(&sending.await.expect("ended"), b"ok");
    }
}
