//! What the store needs of an engine, as small as it can be said.

use std::path::Path;

use anyhow::{Result, bail};

use crate::engines::{append, fjall, lmdb, redb, sqlite, timonier};

pub const NAMES: [&str; 6] = ["timonier", "append", "fjall", "redb", "lmdb", "sqlite"];

/// One version of one object. Its number is its place in the order of all writes.
pub struct Record<'a> {
    pub number: u64,
    pub key: &'a str,
    pub value: &'a [u8],
}

/// The layout is the one that suits a general engine best, and that etcd has: records by their number, so that every
/// write goes to the end, with the newest number of each key in memory.
pub trait Engine {
    /// Adds records and removes old ones. When this returns, all of it is on disk.
    fn commit(&mut self, records: &[Record], removed: &[u64]) -> Result<()>;

    /// Shows every record that is left, in the order of numbers; an engine that knows the newest ones shows only those.
    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()>;
}

/// Opens what is in `dir`, or begins there. `window` is how many superseded records stay.
pub fn open(name: &str, dir: &Path, window: u64) -> Result<Box<dyn Engine>> {
    Ok(match name {
        "timonier" => Box::new(timonier::Timonier::open(dir, window)?),
        "append" => Box::new(append::Append::open(dir)?),
        "fjall" => Box::new(fjall::Fjall::open(dir)?),
        "redb" => Box::new(redb::Redb::open(dir)?),
        "lmdb" => Box::new(lmdb::Lmdb::open(dir)?),
        "sqlite" => Box::new(sqlite::Sqlite::open(dir)?),
        _ => bail!("unknown engine {name:?}"),
    })
}

/// A key and its value as one value, for engines whose key is the number.
pub fn join(buffer: &mut Vec<u8>, record: &Record) {
    buffer.clear();
    buffer.extend_from_slice(&(record.key.len() as u32).to_le_bytes());
    buffer.extend_from_slice(record.key.as_bytes());
    buffer.extend_from_slice(record.value);
}

/// The reverse of `join`.
pub fn split(joined: &[u8]) -> Result<(&[u8], &[u8])> {
    let parts = joined.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = u32::from_le_bytes(*length) as usize;
        rest.split_at_checked(length)
    });
    parts.ok_or_else(|| anyhow::anyhow!("a record of {} bytes is none", joined.len()))
}
