//! What stands around an object: the four bytes that say protobuf, then `runtime.Unknown` with the object's kind; and
//! around that, in a watch, an event with its length before it.

use super::decode::DecodeError;
use super::wire::{self, Reader};

pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// Of an answer that is a stream of events.
pub const WATCH_MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf;stream=watch";

const MAGIC: &[u8] = b"k8s\0";
/// Fields of `Unknown`.
const TYPE_META: u32 = 1;
const RAW: u32 = 2;
const CONTENT_ENCODING: u32 = 3;
const CONTENT_TYPE: u32 = 4;

/// An object that was not looked into.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope {
    pub api_version: String,
    pub kind: String,
    /// The object's message.
    pub raw: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Magic,
    #[error(transparent)]
    Wire(#[from] wire::WireError),
    #[error("proto: Unknown: field {0} is not what it should be")]
    Field(u32),
    #[error("unable to decode a protobuf object with content encoding {0:?} and content type {1:?}")]
    Content(String, String),
}

impl Envelope {
    pub fn open(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(EnvelopeError::Magic)?);
        let mut envelope = Envelope { api_version: String::new(), kind: String::new(), raw: vec![] };
        let (mut encoding, mut content) = (String::new(), String::new());
        while let Some((number, wire)) = reader.tag()? {
            if !(TYPE_META..=CONTENT_TYPE).contains(&number) {
                reader.skip(wire)?;
                continue;
            }
            if wire != wire::BYTES {
                return Err(EnvelopeError::Field(number));
            }
            let bytes = reader.bytes()?;
            match number {
                TYPE_META => envelope.read_type(bytes)?,
                RAW => envelope.raw = bytes.to_vec(),
                CONTENT_ENCODING => encoding = text(number, bytes)?,
                _ => content = text(number, bytes)?,
            }
        }
        if !encoding.is_empty() || !matches!(&*content, "" | MEDIA_TYPE) {
            return Err(EnvelopeError::Content(encoding, content));
        }
        Ok(envelope)
    }

    fn read_type(&mut self, bytes: &[u8]) -> Result<(), EnvelopeError> {
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.tag()? {
            match (number, wire) {
                (1, wire::BYTES) => self.api_version = text(TYPE_META, reader.bytes()?)?,
                (2, wire::BYTES) => self.kind = text(TYPE_META, reader.bytes()?)?,
                _ => reader.skip(wire)?,
            }
        }
        Ok(())
    }
}

fn text(field: u32, bytes: &[u8]) -> Result<String, EnvelopeError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| EnvelopeError::Field(field))
}

/// An object for the wire. The end, which is always the same, is [`END`].
pub fn wrap(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = begin(api_version, kind, raw.len());
    out.extend_from_slice(raw);
    out.extend_from_slice(END);
    out
}

/// What comes before an object's message of `length` bytes.
pub fn begin(api_version: &str, kind: &str, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAGIC.len() + api_version.len() + kind.len() + length + 24);
    out.extend_from_slice(MAGIC);
    wire::put_message(&mut out, TYPE_META, |out| {
        wire::put_bytes(out, 1, api_version.as_bytes());
        wire::put_bytes(out, 2, kind.as_bytes());
    });
    wire::put_tag(&mut out, RAW, wire::BYTES);
    wire::put_varint(&mut out, length as u64);
    out
}

/// What comes after an object's message: no encoding, no content type.
pub const END: &[u8] = &[0x1a, 0, 0x22, 0];

/// An event of a watch, with its length (four bytes, big-endian) before it. `object` is a wrapped one.
pub fn put_event(out: &mut Vec<u8>, kind: &str, object: &[u8]) {
    let raw = wire::bytes_length(1, object.len());
    let length = wire::bytes_length(1, kind.len()) + wire::bytes_length(2, raw);
    out.reserve(length + 4);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    wire::put_bytes(out, 1, kind.as_bytes());
    wire::put_tag(out, 2, wire::BYTES);
    wire::put_varint(out, raw as u64);
    wire::put_bytes(out, 1, object);
}

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind { api_version: String, kind: String },
    #[error(transparent)]
    Message(#[from] DecodeError),
}

/// The object in a body, whatever kind it says it is.
pub fn decode(bytes: &[u8]) -> Result<serde_json::Value, ObjectError> {
    let Envelope { api_version, kind, raw } = Envelope::open(bytes)?;
    let Some(message) = super::Message::of_kind(&api_version, &kind) else {
        return Err(ObjectError::UnknownKind { api_version, kind });
    };
    let mut object = message.decode(&raw)?;
    object.insert("apiVersion".to_string(), api_version.into());
    object.insert("kind".to_string(), kind.into());
    Ok(serde_json::Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_can_be_opened() {
        let wrapped = wrap("apps/v1", "Deployment", b"\x0a\x00");
        let opened = Envelope::open(&wrapped).expect("is an envelope");
        assert_eq!((&*opened.api_version, &*opened.kind, &*opened.raw), ("apps/v1", "Deployment", &b"\x0a\x00"[..]));
        for length in 0..wrapped.len() {
            let _ = Envelope::open(&wrapped[..length]);
        }
        assert_eq!(Envelope::open(b"{}"), Err(EnvelopeError::Magic));
        let gzipped = [&wrapped[..wrapped.len() - END.len()], b"\x1a\x04gzip"].concat();
        assert_eq!(Envelope::open(&gzipped), Err(EnvelopeError::Content("gzip".into(), String::new())));
    }

    #[test]
    fn an_event_is_as_long_as_it_says() {
        for size in [0, 100, 200, 20000] {
            let mut out = vec![];
            put_event(&mut out, "ADDED", &vec![1; size]);
            let length = u32::from_be_bytes(out[..4].try_into().expect("four bytes"));
            assert_eq!(length as usize, out.len() - 4);
            let event = super::super::Message::of("io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent").expect("is there");
            assert_eq!(event.fields.len(), 2);
        }
    }
}
