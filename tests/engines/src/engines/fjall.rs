//! fjall: a log-structured merge tree with a journal.

use std::path::Path;

use anyhow::{Context, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::engine::{Engine, Record, join, split};

pub struct Fjall {
    database: Database,
    records: Keyspace,
    joined: Vec<u8>,
}

impl Fjall {
    pub fn open(dir: &Path) -> Result<Fjall> {
        let database = Database::builder(dir.join("fjall")).open()?;
        let records = database.keyspace("records", KeyspaceCreateOptions::default)?;
        Ok(Fjall { database, records, joined: Vec::new() })
    }
}

impl Engine for Fjall {
    fn commit(&mut self, records: &[Record], removed: &[u64]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for record in records {
            join(&mut self.joined, record);
            batch.insert(&self.records, record.number.to_be_bytes(), self.joined.as_slice());
        }
        for number in removed {
            batch.remove(&self.records, number.to_be_bytes());
        }
        Ok(batch.commit()?)
    }

    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()> {
        for found in self.records.iter() {
            let (number, joined) = found.into_inner()?;
            let number = number.as_ref().try_into().context("a number of another length")?;
            let (key, value) = split(&joined)?;
            each(Some(u64::from_be_bytes(number)), key, value);
        }
        Ok(())
    }
}
