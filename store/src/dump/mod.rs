//! A dump: everything at one revision as one stream of bytes, apart from any engine. This is what a backup holds.
//!
//! # Format 1
//!
//! Frames, numbers and bytes are those of the embedded engine's files. In this order:
//! - a header frame: `TDMP`, format u32, revision u64, entries u64, when it was made u64 (Unix ms), and the version of the
//!   program that made it, bytes.
//! - block frames: `TBLK`, then entries one after another, in key order over all blocks: key bytes, revision u64, created
//!   u64, tag optional bytes, encoding u8 (0: as it is), value bytes.
//! - an end frame: `TEND`, entries u64, and the SHA-256 of all bytes before this frame.
//!
//! A dump that was cut off has no end frame, and one with a changed bit no right checksum: neither is ever taken for whole.

mod read;
mod write;

pub use read::{DumpError, DumpReader, Head, Verified, read};
pub use write::Dump;

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

const HEAD: &[u8] = b"TDMP";
const BLOCK: &[u8] = b"TBLK";
const END: &[u8] = b"TEND";
/// The length of a SHA-256, in bytes.
const CHECKSUM: usize = 32;

#[cfg(test)]
mod tests;
