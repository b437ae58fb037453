//! SQLite with a write-ahead log that is synced at each commit.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::engine::{Engine, Record};

pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    pub fn open(dir: &Path) -> Result<Sqlite> {
        let connection = Connection::open(dir.join("sqlite"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL)",
        )?;
        Ok(Sqlite { connection })
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, records: &[Record], removed: &[u64]) -> Result<()> {
        let write = self.connection.transaction()?;
        {
            let mut insert = write.prepare_cached("INSERT INTO records (number, key, value) VALUES (?1, ?2, ?3)")?;
            for record in records {
                insert.execute(params![record.number as i64, record.key, record.value])?;
            }
            let mut delete = write.prepare_cached("DELETE FROM records WHERE number = ?1")?;
            for number in removed {
                delete.execute([*number as i64])?;
            }
        }
        Ok(write.commit()?)
    }

    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()> {
        let mut select = self.connection.prepare("SELECT number, key, value FROM records ORDER BY number")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            each(Some(number as u64), row.get_ref(1)?.as_bytes()?, row.get_ref(2)?.as_blob()?);
        }
        Ok(())
    }
}
