//! LMDB: a copy-on-write B-tree in a memory map.

use std::path::Path;

use anyhow::Result;
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvOpenOptions, PutFlags};

use crate::engine::{Engine, Record, join, split};

/// The most that the file may grow to; only what is used takes space.
const MAP: usize = 64 << 30;

pub struct Lmdb {
    env: Env,
    records: Database<U64<BigEndian>, Bytes>,
    joined: Vec<u8>,
}

impl Lmdb {
    #[allow(unsafe_code)]
    pub fn open(dir: &Path) -> Result<Lmdb> {
        // SAFETY: the file is in a folder of this run's own and is opened by one process at a time; nobody else changes
        // it while it is mapped.
        let env = unsafe { EnvOpenOptions::new().map_size(MAP).open(dir)? };
        let mut write = env.write_txn()?;
        let records = env.create_database(&mut write, None)?;
        write.commit()?;
        Ok(Lmdb { env, records, joined: Vec::new() })
    }
}

impl Engine for Lmdb {
    fn commit(&mut self, records: &[Record], removed: &[u64]) -> Result<()> {
        let mut write = self.env.write_txn()?;
        for record in records {
            join(&mut self.joined, record);
            self.records.put_with_flags(&mut write, PutFlags::APPEND, &record.number, &self.joined)?;
        }
        for number in removed {
            self.records.delete(&mut write, number)?;
        }
        Ok(write.commit()?)
    }

    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()> {
        let read = self.env.read_txn()?;
        for found in self.records.iter(&read)? {
            let (number, joined) = found?;
            let (key, value) = split(joined)?;
            each(Some(number), key, value);
        }
        Ok(())
    }
}
