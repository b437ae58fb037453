//! The wire format: varints, tags, lengths.

/// How a field's value is written.
pub const VARINT: u8 = 0;
pub const FIXED64: u8 = 1;
/// Bytes with their length before them: strings, bytes, messages.
pub const BYTES: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

/// Appends an unsigned number, seven bits a byte.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes [`put_varint`] writes.
pub fn varint_length(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// How many bytes [`put_bytes`] writes for `length` bytes.
pub fn bytes_length(field: u32, length: usize) -> usize {
    varint_length(u64::from(field) << 3) + varint_length(length as u64) + length
}

pub fn put_tag(out: &mut Vec<u8>, field: u32, wire: u8) {
    put_varint(out, u64::from(field) << 3 | u64::from(wire));
}

/// Appends a number; negative ones take ten bytes, as protobuf has it for `int32` too.
pub fn put_number(out: &mut Vec<u8>, field: u32, number: i64) {
    put_tag(out, field, VARINT);
    put_varint(out, number as u64);
}

pub fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_tag(out, field, BYTES);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a message that `write` appends: its length is known only afterwards.
pub fn put_message<T>(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    put_tag(out, field, BYTES);
    let at = out.len();
    // One byte is right for all up to 127 bytes; longer ones move.
    out.push(0);
    let result = write(out);
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
        return result;
    }
    let more = varint_length(length as u64) - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(at + 1..at + 1 + length, at + 1 + more);
    let mut left = length as u64;
    for byte in &mut out[at..at + more] {
        *byte = left as u8 | 0x80;
        left >>= 7;
    }
    out[at + more] = left as u8;
    result
}

/// What is wrong with bytes that should be protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("unexpected EOF")]
    Cut,
    #[error("proto: integer overflow")]
    Overflow,
    #[error("proto: illegal tag {0} (wire type {1})")]
    Tag(u64, u8),
    #[error("proto: unexpected end of group")]
    Group,
}

/// Reads what is left of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next field's number and wire type; `None` at the end.
    pub fn tag(&mut self) -> Result<Option<(u32, u8)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let (number, wire) = (tag >> 3, (tag & 7) as u8);
        match u32::try_from(number) {
            Ok(number) if number > 0 && number < 1 << 29 => Ok(Some((number, wire))),
            _ => Err(WireError::Tag(number, wire)),
        }
    }

    pub fn varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0u64;
        for (position, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * position);
            if *byte < 0x80 {
                self.0 = &self.0[position + 1..];
                return Ok(number);
            }
        }
        Err(if self.0.len() < 10 { WireError::Cut } else { WireError::Overflow })
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.varint()?).map_err(|_| WireError::Cut)?;
        self.take(length)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        if self.0.len() < length {
            return Err(WireError::Cut);
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    /// Passes over a value that nobody knows.
    pub fn skip(&mut self, wire: u8) -> Result<(), WireError> {
        let mut groups = 0u32;
        let mut wire = wire;
        loop {
            match wire {
                VARINT => drop(self.varint()?),
                FIXED64 => drop(self.take(8)?),
                BYTES => drop(self.bytes()?),
                FIXED32 => drop(self.take(4)?),
                START_GROUP => groups += 1,
                END_GROUP if groups > 0 => groups -= 1,
                END_GROUP => return Err(WireError::Group),
                other => return Err(WireError::Tag(0, other)),
            }
            if groups == 0 {
                return Ok(());
            }
            wire = self.tag()?.ok_or(WireError::Cut)?.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_their_length_is_known_before() {
        for number in [0, 1, 127, 128, 300, 1 << 21, u64::from(u32::MAX), u64::MAX] {
            let mut out = vec![];
            put_varint(&mut out, number);
            assert_eq!((out.len(), Reader(&out).varint()), (varint_length(number), Ok(number)));
        }
        assert_eq!(Reader(&[0x80]).varint(), Err(WireError::Cut));
        assert_eq!(Reader(&[0xff; 11]).varint(), Err(WireError::Overflow));
    }

    #[test]
    fn a_message_of_any_length_has_it_before_it() {
        for length in [0, 127, 128, 16383, 16384, 70000] {
            let content = vec![7; length];
            let (mut expected, mut out) = (vec![9], vec![9]);
            put_bytes(&mut expected, 3, &content);
            put_message(&mut out, 3, |out| out.extend_from_slice(&content));
            assert!(out == expected && out.len() == 1 + bytes_length(3, length), "{length}");
        }
    }

    #[test]
    fn every_wire_type_can_be_skipped_and_a_cut_one_is_an_error() {
        let known: [(u8, &[u8]); 5] = [
            (VARINT, &[0x96, 1]),
            (FIXED64, &[0; 8]),
            (BYTES, &[2, 1, 2]),
            (FIXED32, &[0; 4]),
            (START_GROUP, &[0x08, 1, 0x13, 0x14, 0x0c]),
        ];
        for (wire, bytes) in known {
            let mut reader = Reader(bytes);
            assert_eq!((reader.skip(wire), reader.0.len()), (Ok(()), 0), "{wire}");
            assert!(Reader(&bytes[..bytes.len() - 1]).skip(wire).is_err(), "{wire}");
        }
        assert!(Reader(&[]).skip(END_GROUP).is_err());
    }
}
