//! SPDY/3.1, as far as Kubernetes uses it: many streams over one connection, each with headers.

pub mod connection;
mod dictionary;
pub mod frame;
pub mod headers;
mod shared;
pub mod stream;

pub use connection::{Connection, Options, Role};
pub use frame::Frame;
pub use headers::Headers;
pub use stream::{Lost, Stream, StreamReader, StreamWriter};

/// What a peer did that the protocol does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpdyError {
    #[error("SPDY version {0} is not spoken here, only 3")]
    Version(u16),
    #[error("a SPDY frame of type {kind} is {length} bytes long")]
    Length { kind: u16, length: usize },
    #[error("SPDY header block: {0}")]
    Headers(String),
}
