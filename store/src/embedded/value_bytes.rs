//! One value as bytes.

use super::frame::{Fields, put_u32};
use crate::Value;

/// How a value is encoded: as it is. Other numbers are for compression and encryption.
pub(crate) const PLAIN: u8 = 0;

pub(super) fn put_value(out: &mut Vec<u8>, value: &Value) {
    put_u32(out, value.len() as u32);
    value.runs().for_each(|run| out.extend_from_slice(run));
}

/// `None`: these bytes are no value.
pub(crate) fn decode_value<'a>(fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    match fields.u8()? {
        PLAIN => fields.bytes(),
        _ => None,
    }
}
