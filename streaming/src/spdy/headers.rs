//! Header blocks: names and values, compressed in one context for the connection's whole life, each way.

use bytes::{Buf, BufMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{SpdyError, dictionary::dictionary};

/// A block of more bytes than this, uncompressed, is refused.
pub const LIMIT: usize = 64 << 10;

/// Names are lower case. A name with several values has them joined by a zero byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Headers {
        Headers(pairs.into_iter().map(|(name, value)| (name.into().to_ascii_lowercase(), value.into())).collect())
    }
}

pub struct Compressor(Compress);

impl Default for Compressor {
    fn default() -> Compressor {
        let mut compress = Compress::new(Compression::default(), true);
        // It fails only in the midst of a stream.
        let _id = compress.set_dictionary(&dictionary());
        Compressor(compress)
    }
}

impl Compressor {
    pub fn compress(&mut self, headers: &Headers) -> Result<Vec<u8>, SpdyError> {
        let mut plain = Vec::new();
        plain.put_u32(headers.0.len() as u32);
        for text in headers.0.iter().flat_map(|(name, value)| [name, value]) {
            plain.put_u32(text.len() as u32);
            plain.put_slice(text.as_bytes());
        }
        let mut compressed = Vec::with_capacity(plain.len() + 64);
        let start = self.0.total_in();
        loop {
            let done = (self.0.total_in() - start) as usize;
            let status = self.0.compress_vec(&plain[done..], &mut compressed, FlushCompress::Sync);
            status.map_err(|error| SpdyError::Headers(error.to_string()))?;
            // Room that is left says that the flush is complete.
            if compressed.len() < compressed.capacity() {
                return Ok(compressed);
            }
            compressed.reserve(compressed.capacity());
        }
    }
}

pub struct Decompressor(Decompress);

impl Default for Decompressor {
    fn default() -> Decompressor {
        Decompressor(Decompress::new(true))
    }
}

impl Decompressor {
    pub fn decompress(&mut self, mut block: &[u8]) -> Result<Headers, SpdyError> {
        let wrong = |error: String| SpdyError::Headers(error);
        let mut plain = Vec::with_capacity(1024);
        while !block.is_empty() {
            let (before_in, before_out) = (self.0.total_in(), plain.len());
            let status = self.0.decompress_vec(block, &mut plain, FlushDecompress::Sync);
            block.advance((self.0.total_in() - before_in) as usize);
            match status {
                Ok(Status::StreamEnd) => return Err(wrong("the compressed stream has ended".to_owned())),
                Ok(_) => {
                    if plain.len() > LIMIT {
                        return Err(wrong(format!("more than {LIMIT} bytes")));
                    }
                    if plain.len() == plain.capacity() {
                        plain.reserve(plain.capacity());
                    } else if plain.len() == before_out && self.0.total_in() == before_in {
                        return Err(wrong("it cannot be decompressed".to_owned()));
                    }
                }
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(&dictionary()).map_err(|error| wrong(error.to_string()))?;
                }
                Err(error) => return Err(wrong(error.to_string())),
            }
        }
        // What is left in the window may not have fitted.
        loop {
            let before = plain.len();
            let status = self.0.decompress_vec(&[], &mut plain, FlushDecompress::Sync);
            if plain.len() > LIMIT {
                return Err(wrong(format!("more than {LIMIT} bytes")));
            }
            match status {
                Ok(_) if plain.len() > before => plain.reserve(1024),
                // Nothing to do is told as a lack of room.
                _ => return parse(&plain),
            }
        }
    }
}

fn parse(mut block: &[u8]) -> Result<Headers, SpdyError> {
    let count = number(&mut block)?;
    let mut pairs = Vec::new();
    for _ in 0..count {
        let name = text(&mut block)?;
        pairs.push((name, text(&mut block)?));
    }
    Ok(pairs.into_iter().collect())
}

fn number(block: &mut &[u8]) -> Result<usize, SpdyError> {
    block.try_get_u32().map(|number| number as usize).map_err(|_| short())
}

fn text(block: &mut &[u8]) -> Result<String, SpdyError> {
    let length = number(block)?;
    let (text, rest) = block.split_at_checked(length).ok_or_else(short)?;
    *block = rest;
    String::from_utf8(text.to_vec()).map_err(|_| SpdyError::Headers("text that is not UTF-8".to_owned()))
}

fn short() -> SpdyError {
    SpdyError::Headers("it ends too early".to_owned())
}
