//! One file, appended to and synced, with a checksum a record: the floor that any engine stands on. Nothing is ever
//! removed from it.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::engine::{Engine, Record, join, split};

pub struct Append {
    path: PathBuf,
    file: File,
    batch: Vec<u8>,
}

impl Append {
    pub fn open(dir: &Path) -> Result<Append> {
        let path = dir.join("log");
        let file = File::options().create(true).append(true).open(&path)?;
        File::open(dir)?.sync_all()?;
        Ok(Append { path, file, batch: Vec::new() })
    }
}

impl Engine for Append {
    fn commit(&mut self, records: &[Record], _removed: &[u64]) -> Result<()> {
        let mut joined = Vec::new();
        self.batch.clear();
        for record in records {
            join(&mut joined, record);
            self.batch.extend_from_slice(&(joined.len() as u32).to_le_bytes());
            self.batch.extend_from_slice(&crc32c::crc32c(&joined).to_le_bytes());
            self.batch.extend_from_slice(&joined);
        }
        self.file.write_all(&self.batch)?;
        self.file.sync_data()?;
        Ok(())
    }

    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(&self.path)?);
        let size = file.get_ref().metadata()?.len();
        let (mut number, mut at, mut joined) = (0, 0u64, Vec::new());
        let mut head = [0; 8];
        loop {
            match file.read_exact(&mut head) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                other => other?,
            }
            let [length, checksum] =
                [0, 4].map(|i| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]));
            ensure!(u64::from(length) <= size - at, "{}: a record longer than the file at {at}", self.path.display());
            joined.resize(length as usize, 0);
            file.read_exact(&mut joined)?;
            ensure!(crc32c::crc32c(&joined) == checksum, "{}: damaged at byte {at}", self.path.display());
            let (key, value) = split(&joined)?;
            each(Some(number), key, value);
            number += 1;
            at += 8 + u64::from(length);
        }
    }
}
