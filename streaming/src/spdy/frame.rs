//! Frames as bytes. Pure: bytes that came in go to a [`Decoder`], what an [`Encoder`] gives is to be sent in that order.
//!
//! A control frame begins with a bit 1, fifteen bits of version, sixteen of type; a data frame with a bit 0 and the
//! stream's number in 31. Then eight bits of flags and 24 of length, for both.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{
    SpdyError,
    headers::{Compressor, Decompressor, Headers},
};

const VERSION: u16 = 3;
const FIN: u8 = 1;
const HEADER: usize = 8;
/// A control frame of more bytes than this is refused; a data frame is handed on in parts as it comes.
const CONTROL_LIMIT: usize = 64 << 10;
const STREAM: u32 = 0x7fff_ffff;

/// `RST_STREAM` reasons.
pub const PROTOCOL_ERROR: u32 = 1;
pub const REFUSED_STREAM: u32 = 3;
pub const CANCEL: u32 = 5;
/// The setting that says how many bytes of a stream may be under way.
pub const INITIAL_WINDOW_SIZE: u32 = 7;
/// Bytes under way until somebody says otherwise.
pub const DEFAULT_WINDOW: u32 = 64 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    SynStream {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    SynReply {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    RstStream {
        stream: u32,
        status: u32,
    },
    /// Id and value.
    Settings(Vec<(u32, u32)>),
    Ping(u32),
    GoAway {
        last_good: u32,
        status: u32,
    },
    Headers {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    /// Stream 0 is the connection.
    WindowUpdate {
        stream: u32,
        delta: u32,
    },
    Data {
        stream: u32,
        fin: bool,
        bytes: Bytes,
    },
    /// A type that we do not know, to be passed over.
    Unknown(u16),
}

#[derive(Default)]
pub struct Encoder(Compressor);

impl Encoder {
    /// Appends a frame. Headers must be encoded in the order in which they are sent.
    pub fn encode(&mut self, frame: &Frame, out: &mut BytesMut) -> Result<(), SpdyError> {
        match frame {
            Frame::SynStream { stream, fin, headers } => {
                let block = self.0.compress(headers)?;
                control(out, 1, *fin, 10 + block.len());
                out.put_u32(*stream);
                // Associated with none, of the highest priority.
                out.put_slice(&[0; 6]);
                out.put_slice(&block);
            }
            Frame::SynReply { stream, fin, headers } => self.headers(out, 2, *stream, *fin, headers)?,
            Frame::Headers { stream, fin, headers } => self.headers(out, 8, *stream, *fin, headers)?,
            Frame::RstStream { stream, status } => pair(out, 3, *stream, *status),
            Frame::Settings(settings) => {
                control(out, 4, false, 4 + 8 * settings.len());
                out.put_u32(settings.len() as u32);
                for (id, value) in settings {
                    out.put_u32(*id);
                    out.put_u32(*value);
                }
            }
            Frame::Ping(id) => {
                control(out, 6, false, 4);
                out.put_u32(*id);
            }
            Frame::GoAway { last_good, status } => pair(out, 7, *last_good, *status),
            Frame::WindowUpdate { stream, delta } => pair(out, 9, *stream, *delta),
            Frame::Data { stream, fin, bytes } => {
                out.put_u32(*stream);
                out.put_u32(u32::from(u8::from(*fin) * FIN) << 24 | bytes.len() as u32);
                out.put_slice(bytes);
            }
            Frame::Unknown(_) => {}
        }
        Ok(())
    }

    fn headers(
        &mut self,
        out: &mut BytesMut,
        kind: u16,
        stream: u32,
        fin: bool,
        headers: &Headers,
    ) -> Result<(), SpdyError> {
        let block = self.0.compress(headers)?;
        control(out, kind, fin, 4 + block.len());
        out.put_u32(stream);
        out.put_slice(&block);
        Ok(())
    }
}

fn control(out: &mut BytesMut, kind: u16, fin: bool, length: usize) {
    out.put_u16(0x8000 | VERSION);
    out.put_u16(kind);
    out.put_u32(u32::from(u8::from(fin) * FIN) << 24 | length as u32);
}

fn pair(out: &mut BytesMut, kind: u16, first: u32, second: u32) {
    control(out, kind, false, 8);
    out.put_u32(first);
    out.put_u32(second);
}

#[derive(Default)]
pub struct Decoder {
    headers: Decompressor,
    /// The data frame that we are in.
    data: Option<Rest>,
}

struct Rest {
    stream: u32,
    fin: bool,
    left: usize,
}

impl Decoder {
    /// Takes the next frame, or the next part of a data frame, from bytes that came in. `None` wants more of them.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, SpdyError> {
        if let Some(rest) = &mut self.data {
            if bytes.is_empty() {
                return Ok(None);
            }
            let part = bytes.split_to(rest.left.min(bytes.len())).freeze();
            rest.left -= part.len();
            let frame = Frame::Data { stream: rest.stream, fin: rest.fin && rest.left == 0, bytes: part };
            if rest.left == 0 {
                self.data = None;
            }
            return Ok(Some(frame));
        }
        let Some(mut header) = bytes.get(..HEADER) else { return Ok(None) };
        let (first, second) = (header.get_u32(), header.get_u32());
        let (fin, length) = ((second >> 24) as u8 & FIN != 0, (second & 0x00ff_ffff) as usize);
        if first & !STREAM == 0 {
            bytes.advance(HEADER);
            if length == 0 {
                return Ok(Some(Frame::Data { stream: first, fin, bytes: Bytes::new() }));
            }
            self.data = Some(Rest { stream: first, fin, left: length });
            return self.decode(bytes);
        }
        let (version, kind) = ((first >> 16 & 0x7fff) as u16, first as u16);
        if version != VERSION {
            return Err(SpdyError::Version(version));
        }
        if length > CONTROL_LIMIT {
            return Err(SpdyError::Length { kind, length });
        }
        if bytes.len() < HEADER + length {
            return Ok(None);
        }
        bytes.advance(HEADER);
        let payload = bytes.split_to(length);
        self.control(kind, fin, &payload).map(Some)
    }

    fn control(&mut self, kind: u16, fin: bool, payload: &[u8]) -> Result<Frame, SpdyError> {
        let wrong = SpdyError::Length { kind, length: payload.len() };
        let number = |at: usize| {
            let found = payload.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            found.ok_or_else(|| wrong.clone())
        };
        let block = |at: usize| payload.get(at..).ok_or_else(|| wrong.clone());
        Ok(match kind {
            1 => {
                let stream = number(0)? & STREAM;
                Frame::SynStream { stream, fin, headers: self.headers.decompress(block(10)?)? }
            }
            2 => Frame::SynReply { stream: number(0)? & STREAM, fin, headers: self.headers.decompress(block(4)?)? },
            3 => Frame::RstStream { stream: number(0)? & STREAM, status: number(4)? },
            4 => {
                let count = number(0)? as usize;
                if payload.len() != count.saturating_mul(8).saturating_add(4) {
                    return Err(wrong);
                }
                let settings = (0..count).map(|at| Ok((number(4 + 8 * at)? & 0x00ff_ffff, number(8 + 8 * at)?)));
                Frame::Settings(settings.collect::<Result<_, SpdyError>>()?)
            }
            6 => Frame::Ping(number(0)?),
            7 => Frame::GoAway { last_good: number(0)? & STREAM, status: number(4)? },
            8 => Frame::Headers { stream: number(0)? & STREAM, fin, headers: self.headers.decompress(block(4)?)? },
            9 => Frame::WindowUpdate { stream: number(0)? & STREAM, delta: number(4)? & STREAM },
            other => Frame::Unknown(other),
        })
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
