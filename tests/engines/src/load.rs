//! What is written: the same for every engine and every run, so that a reader knows what must be there.
//!
//! Each key is created once, then keys are rewritten at random. A value is 2 KB: half of it text that all objects share,
//! half of it the key's own; a rewrite changes a few dozen bytes in the middle, as a status update does.

use serde::{Deserialize, Serialize};

/// Bytes of one value.
pub const VALUE: usize = 2048;
/// The largest batch that one sync covers.
pub const BATCHES: [usize; 3] = [1, 16, 256];

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Load {
    pub keys: u64,
    pub operations: u64,
    /// Superseded records that stay as history; older ones are removed by the way.
    pub window: u64,
}

impl Load {
    /// Values of so many gigabytes, half of them rewrites.
    pub fn of_gigabytes(gigabytes: f64) -> Load {
        let operations = (gigabytes * (1u64 << 30) as f64) as u64 / VALUE as u64;
        Load { keys: operations / 2, operations, window: operations / 16 }
    }

    /// The key that an operation writes.
    pub fn key(&self, operation: u64) -> u64 {
        if operation < self.keys { operation } else { mix(operation) % self.keys }
    }
}

/// Object names come in no order.
pub fn name(key: u64) -> String {
    format!("/registry/pods/namespace-{:02}/web-{:016x}", mix(key) % 100, mix(key ^ 0x5eed))
}

/// Makes values.
pub struct Values {
    shared: Vec<u8>,
    pool: Vec<u8>,
}

const POOL: usize = 1 << 20;

impl Values {
    pub fn new() -> Values {
        let text = br#"{"name":"SETTING","value":"of-a-setting","readOnly":false,"mountPath":"/etc/web"},"#;
        let shared = text.iter().copied().cycle().take(VALUE / 2).collect();
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let pool = (0..POOL as u64).map(|i| letters[(mix(i) % 64) as usize]).collect();
        Values { shared, pool }
    }

    /// The value that `operation` gives to `key`.
    pub fn make(&self, key: u64, operation: u64, value: &mut Vec<u8>) {
        value.clear();
        value.extend_from_slice(&self.shared);
        value.extend_from_slice(format!("{operation:020}{:016x}", mix(operation)).as_bytes());
        let own = VALUE - value.len();
        let start = (mix(key) % (POOL - own) as u64) as usize;
        value.extend_from_slice(&self.pool[start..start + own]);
    }
}

/// A number that looks random, and is the same every time (the finalizer of splitmix64).
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
