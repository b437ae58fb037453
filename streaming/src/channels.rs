//! The WebSocket subprotocols of exec and attach: a channel's number, then its bytes, in each message.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

pub const STDIN: u8 = 0;
pub const STDOUT: u8 = 1;
pub const STDERR: u8 = 2;
pub const ERROR: u8 = 3;
pub const RESIZE: u8 = 4;
/// Since v5: the channel whose number follows is closed.
const CLOSE: u8 = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Binary,
    /// Text messages: the channel as a digit, the bytes in base64.
    Base64,
}

/// What a subprotocol's name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    name: &'static str,
    encoding: Encoding,
    version: u8,
}

const fn protocol(name: &'static str, encoding: Encoding, version: u8) -> Protocol {
    Protocol { name, encoding, version }
}

/// Exec's and attach's. A client that names none gets the oldest.
pub const REMOTE_COMMAND: [Protocol; 6] = [
    protocol("v5.channel.k8s.io", Encoding::Binary, 5),
    protocol("v4.channel.k8s.io", Encoding::Binary, 4),
    protocol("v4.base64.channel.k8s.io", Encoding::Base64, 4),
    protocol("channel.k8s.io", Encoding::Binary, 1),
    protocol("base64.channel.k8s.io", Encoding::Base64, 1),
    protocol("", Encoding::Binary, 1),
];

/// Port-forward's, with two channels a port.
pub const PORT_FORWARD: [Protocol; 3] = [
    protocol("v4.channel.k8s.io", Encoding::Binary, 4),
    protocol("v4.base64.channel.k8s.io", Encoding::Base64, 4),
    protocol("", Encoding::Binary, 4),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    Data(u8, Bytes),
    Close(u8),
}

/// A message that fits no channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message without a channel, or not in base64")]
pub struct Unreadable;

impl Protocol {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The outcome is a `Status` in JSON; before, it is a line of text if there is anything to say.
    pub fn has_status(&self) -> bool {
        self.version >= 4
    }

    pub fn has_close(&self) -> bool {
        self.version >= 5
    }

    pub fn encode(&self, channel: u8, bytes: &[u8]) -> Message {
        match self.encoding {
            Encoding::Binary => {
                let mut message = BytesMut::with_capacity(bytes.len() + 1);
                message.extend_from_slice(&[channel]);
                message.extend_from_slice(bytes);
                Message::Binary(message.freeze())
            }
            Encoding::Base64 => {
                let mut text = String::from(char::from(b'0'.wrapping_add(channel)));
                BASE64.encode_string(bytes, &mut text);
                Message::Text(text.into())
            }
        }
    }

    pub fn encode_close(&self, channel: u8) -> Message {
        self.encode(CLOSE, &[channel])
    }

    /// `None`: a message that says nothing about channels, such as a ping, or nothing at all.
    pub fn decode(&self, message: Message) -> Result<Option<Channel>, Unreadable> {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => Bytes::from(text),
            _ => return Ok(None),
        };
        let Some((&channel, _)) = bytes.split_first() else { return Ok(None) };
        let rest = bytes.slice(1..);
        match self.encoding {
            Encoding::Binary if channel == CLOSE && self.has_close() => match rest[..] {
                [closed] => Ok(Some(Channel::Close(closed))),
                _ => Err(Unreadable),
            },
            Encoding::Binary => Ok(Some(Channel::Data(channel, rest))),
            Encoding::Base64 => {
                let bytes = BASE64.decode(&rest).map_err(|_| Unreadable)?;
                let channel = channel.checked_sub(b'0').ok_or(Unreadable)?;
                Ok(Some(Channel::Data(channel, bytes.into())))
            }
        }
    }
}

/// The first protocol of the client's list that is among ours, as the kubelet chooses.
pub fn negotiate<'a>(offered: &[String], ours: &'a [Protocol]) -> Option<&'a Protocol> {
    if offered.is_empty() {
        return ours.iter().find(|protocol| protocol.name.is_empty());
    }
    offered.iter().find_map(|name| ours.iter().find(|protocol| protocol.name == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(offered: &[&str]) -> Option<&'static str> {
        let offered: Vec<_> = offered.iter().map(|name| (*name).to_owned()).collect();
        negotiate(&offered, &REMOTE_COMMAND).map(Protocol::name)
    }

    #[test]
    fn the_clients_first_choice_that_we_speak_is_taken() {
        assert_eq!(chosen(&["v5.channel.k8s.io", "v4.channel.k8s.io"]), Some("v5.channel.k8s.io"));
        assert_eq!(chosen(&["v9.channel.k8s.io", "base64.channel.k8s.io"]), Some("base64.channel.k8s.io"));
        assert_eq!(chosen(&[]), Some(""));
        assert_eq!(chosen(&["soap"]), None);
    }

    #[test]
    fn messages_carry_their_channel() {
        let by_name = |name| REMOTE_COMMAND.iter().find(|protocol| protocol.name == name).expect("a protocol");
        let (v5, v4, text) =
            (by_name("v5.channel.k8s.io"), by_name("v4.channel.k8s.io"), by_name("v4.base64.channel.k8s.io"));
        assert_eq!(v5.encode(STDOUT, b"hi"), Message::Binary(Bytes::from_static(b"\x01hi")));
        assert_eq!(text.encode(STDOUT, b"hi"), Message::Text("1aGk=".into()));
        for protocol in REMOTE_COMMAND {
            for bytes in [&b""[..], b"x", b"\xff\x00"] {
                let there = protocol.decode(protocol.encode(RESIZE, bytes));
                assert_eq!(there, Ok(Some(Channel::Data(RESIZE, Bytes::copy_from_slice(bytes)))), "{}", protocol.name);
            }
        }
        assert_eq!(v5.decode(v5.encode_close(STDIN)), Ok(Some(Channel::Close(STDIN))));
        assert_eq!(v5.decode(Message::Binary(Bytes::from_static(b"\xff"))), Err(Unreadable));
        let unclosed = v4.decode(v5.encode_close(STDIN));
        assert_eq!(unclosed, Ok(Some(Channel::Data(255, Bytes::from_static(b"\0")))), "v4 knows no close");
        assert_eq!(text.decode(Message::Text("1%%".into())), Err(Unreadable));
        assert_eq!(v5.decode(Message::Binary(Bytes::new())), Ok(None));
        assert_eq!(v5.decode(Message::Ping(Bytes::new())), Ok(None));
    }
}
