//! Length, checksum, payload: the unit of every file. And the little encoding inside payloads.

use std::io::{self, Read};
use std::sync::Arc;

use crc32c::{crc32c, crc32c_append};

/// Bytes before the payload.
pub(crate) const HEADER: usize = 8;
/// No payload is longer: a larger length is damage.
const MAX_PAYLOAD: usize = 1 << 30;

/// Appends a frame to `out`, with what `fill` writes as its payload.
pub(crate) fn put(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    fill(out);
    let length = ((out.len() - start - HEADER) as u32).to_le_bytes();
    let checksum = crc32c_append(crc32c(&length), &out[start + HEADER..]);
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

/// The payload of a whole and intact frame at the start of `bytes`.
pub(crate) fn peek(bytes: &[u8]) -> Option<&[u8]> {
    let length: [u8; 4] = bytes.get(0..4)?.try_into().ok()?;
    let checksum: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    let payload = bytes[HEADER..].get(..u32::from_le_bytes(length) as usize)?;
    let expected = crc32c_append(crc32c(&length), payload);
    (u32::from_le_bytes(checksum) == expected).then_some(payload)
}

/// What stands at some place in a file.
pub(crate) enum Next {
    Frame,
    /// The file ends here.
    End,
    /// Not a frame: what is wrong with it.
    Damaged(&'static str),
}

/// Reads the next frame's payload into `payload`.
pub(crate) fn read(input: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Next> {
    let mut header = [0; HEADER];
    match fill(input, &mut header)? {
        0 => return Ok(Next::End),
        HEADER => {}
        _ => return Ok(Next::Damaged("the file ends within a frame's header")),
    }
    let (length, checksum) = header.split_at(4);
    let size = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
    if size > MAX_PAYLOAD {
        return Ok(Next::Damaged("a frame's length is impossible"));
    }
    payload.clear();
    // Not allocated at once: a damaged length must not take a gigabyte.
    if input.take(size as u64).read_to_end(payload)? < size {
        return Ok(Next::Damaged("the file ends within a frame"));
    }
    let expected = crc32c_append(crc32c(length), payload);
    if checksum != expected.to_le_bytes() {
        return Ok(Next::Damaged("a frame's checksum is wrong"));
    }
    Ok(Next::Frame)
}

/// Reads until `buffer` is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

pub(crate) fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(text.is_some() as u8);
    if let Some(text) = text {
        put_bytes(out, text.as_bytes());
    }
}

/// Takes a payload apart. `None`: it is not what it should be.
#[derive(Clone)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(crate) fn optional(&mut self) -> Option<Option<Arc<str>>> {
        match self.u8()? {
            0 => Some(None),
            1 => Some(Some(self.text()?.into())),
            _ => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
