//! Making a dump, piece by piece.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{BLOCK, END, FORMAT, HEAD};
use crate::embedded::entry_bytes::put_entry;
use crate::embedded::frame::{self, put_bytes, put_u32, put_u64};
use crate::{Key, Snapshot};

/// Blocks are of about this size, in bytes.
const BLOCK_SIZE: usize = 64 << 10;

/// The bytes of a dump, one frame after another. Holds its snapshot and one frame, whatever the size of the whole.
pub struct Dump {
    snapshot: Snapshot,
    made: SystemTime,
    next: Next,
    hash: Sha256,
}

enum Next {
    Head,
    /// The entries after this key.
    Block(Option<Key>),
    Over,
}

impl Dump {
    /// `made`: what the dump says of when it was made.
    pub fn of(snapshot: Snapshot, made: SystemTime) -> Dump {
        Dump { snapshot, made, next: Next::Head, hash: Sha256::new() }
    }

    fn head(&self) -> Vec<u8> {
        let made = self.made.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let mut out = Vec::new();
        frame::put(&mut out, |out| {
            out.extend_from_slice(HEAD);
            put_u32(out, FORMAT);
            put_u64(out, self.snapshot.revision().0);
            put_u64(out, self.snapshot.len() as u64);
            put_u64(out, made);
            put_bytes(out, env!("CARGO_PKG_VERSION").as_bytes());
        });
        out
    }

    /// The next entries after `after`, and the last key among them; `None` when there are none.
    fn block(&self, after: Option<&Key>) -> Option<(Vec<u8>, Key)> {
        let mut entries = self.snapshot.range("", after).peekable();
        entries.peek()?;
        let mut out = Vec::with_capacity(BLOCK_SIZE * 2);
        let mut last = None;
        frame::put(&mut out, |out| {
            out.extend_from_slice(BLOCK);
            while out.len() < BLOCK_SIZE
                && let Some(entry) = entries.next()
            {
                put_entry(out, entry);
                last = Some(entry.key.clone());
            }
        });
        last.map(|last| (out, last))
    }

    fn end(&self) -> Vec<u8> {
        let mut out = Vec::new();
        frame::put(&mut out, |out| {
            out.extend_from_slice(END);
            put_u64(out, self.snapshot.len() as u64);
            out.extend_from_slice(&self.hash.clone().finalize());
        });
        out
    }
}

impl Iterator for Dump {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let frame = match std::mem::replace(&mut self.next, Next::Over) {
            Next::Over => return None,
            Next::Head => {
                self.next = Next::Block(None);
                self.head()
            }
            Next::Block(after) => match self.block(after.as_ref()) {
                Some((frame, last)) => {
                    self.next = Next::Block(Some(last));
                    frame
                }
                None => self.end(),
            },
        };
        self.hash.update(&frame);
        Some(frame.into())
    }
}
