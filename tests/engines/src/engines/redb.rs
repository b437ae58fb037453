//! redb: a copy-on-write B-tree in Rust.

use std::path::Path;

use anyhow::Result;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use crate::engine::{Engine, Record, join, split};

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

pub struct Redb {
    database: Database,
    joined: Vec<u8>,
}

impl Redb {
    pub fn open(dir: &Path) -> Result<Redb> {
        let database = Database::create(dir.join("redb"))?;
        let begin = database.begin_write()?;
        begin.open_table(RECORDS)?;
        begin.commit()?;
        Ok(Redb { database, joined: Vec::new() })
    }
}

impl Engine for Redb {
    fn commit(&mut self, records: &[Record], removed: &[u64]) -> Result<()> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        let mut table = write.open_table(RECORDS)?;
        for record in records {
            join(&mut self.joined, record);
            table.insert(record.number, self.joined.as_slice())?;
        }
        for number in removed {
            table.remove(number)?;
        }
        drop(table);
        Ok(write.commit()?)
    }

    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()> {
        let read = self.database.begin_read()?;
        for found in read.open_table(RECORDS)?.iter()? {
            let (number, joined) = found?;
            let (key, value) = split(joined.value())?;
            each(Some(number.value()), key, value);
        }
        Ok(())
    }
}
