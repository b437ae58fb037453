//! Reading a dump as it arrives, and believing nothing of it before its end.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::{BLOCK, CHECKSUM, END, FORMAT, HEAD};
use crate::embedded::entry_bytes::take_entry;
use crate::embedded::frame::{self, Fields};
use crate::pool::Pool;
use crate::snapshot::Entries;
use crate::{Entry, Key, Revision, Snapshot};

/// No frame is longer, in bytes: a larger length is damage.
const MAX_FRAME: usize = 64 << 20;
/// One read from a file, in bytes.
const READ: usize = 256 << 10;

/// Why a dump is not believed.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("this is no backup")]
    NotADump,
    #[error("this backup has format {found}, this version reads up to {supported}: use a newer version of the program")]
    NewerFormat { found: u32, supported: u32 },
    #[error("the backup is damaged at byte {offset}: {problem}")]
    Corrupt { offset: u64, problem: &'static str },
    #[error("the backup is cut off after {length} bytes: its end is missing")]
    Truncated { length: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a dump says of itself at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The revision that everything in it is at.
    pub revision: Revision,
    pub entries: u64,
    pub made: SystemTime,
    /// The version of the program that made it.
    pub writer: String,
}

/// A dump that was read to its end and is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    pub head: Head,
    /// Its length in bytes.
    pub length: u64,
    checksum: [u8; CHECKSUM],
}

impl Verified {
    /// The SHA-256 of the dump without its last frame, in hexadecimal.
    pub fn checksum(&self) -> String {
        self.checksum.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Takes a dump in pieces of any size.
#[derive(Default)]
pub struct DumpReader {
    /// What arrived and is no whole frame yet.
    pending: Vec<u8>,
    /// Where that starts.
    offset: u64,
    hash: Sha256,
    head: Option<Head>,
    seen: u64,
    last: Option<Key>,
    checksum: Option<[u8; CHECKSUM]>,
}

impl DumpReader {
    /// What the dump says of itself, once that has arrived.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Entries that have arrived.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes the next bytes, and gives the entries that they complete to `each`. These are true only when
    /// [`DumpReader::finish`] says so in the end.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Arc<Entry>)) -> Result<(), DumpError> {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut used = 0;
        while let Some(length) = self.whole(&pending[used..])? {
            let frame = &pending[used..used + length];
            self.frame(frame, &mut each)?;
            self.hash.update(frame);
            self.offset += length as u64;
            used += length;
        }
        self.pending = pending;
        self.pending.drain(..used);
        Ok(())
    }

    /// Says whether what arrived was a dump, and whole.
    pub fn finish(self) -> Result<Verified, DumpError> {
        match (self.head, self.checksum) {
            (Some(head), Some(checksum)) if self.pending.is_empty() => {
                Ok(Verified { head, length: self.offset, checksum })
            }
            _ => Err(DumpError::Truncated { length: self.offset + self.pending.len() as u64 }),
        }
    }

    /// The length of the frame at the start of `bytes`, if all of it is there.
    fn whole(&self, bytes: &[u8]) -> Result<Option<usize>, DumpError> {
        if self.checksum.is_some() && !bytes.is_empty() {
            return Err(self.corrupt("there is more after the end"));
        }
        let magic = bytes.get(frame::HEADER..frame::HEADER + HEAD.len());
        if self.head.is_none() && magic.is_some_and(|magic| magic != HEAD) {
            return Err(DumpError::NotADump);
        }
        let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_FRAME {
            return Err(self.corrupt("a frame's length is impossible"));
        }
        let length = frame::HEADER + length;
        Ok((bytes.len() >= length).then_some(length))
    }

    fn frame(&mut self, frame: &[u8], each: &mut impl FnMut(Arc<Entry>)) -> Result<(), DumpError> {
        let payload = frame::peek(frame).ok_or_else(|| self.corrupt("a frame's checksum is wrong"))?;
        let mut fields = Fields(payload);
        match (fields.take(4), self.head.is_some()) {
            (Some(HEAD), false) => self.head = Some(self.read_head(fields)?),
            (Some(BLOCK), true) => self.block(fields, each)?,
            (Some(END), true) => self.checksum = Some(self.end(fields)?),
            _ => return Err(self.corrupt("a frame is out of place")),
        }
        Ok(())
    }

    fn read_head(&self, mut fields: Fields<'_>) -> Result<Head, DumpError> {
        let strange = || self.corrupt("the header is not understood");
        match fields.u32() {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => return Err(DumpError::NewerFormat { found, supported: FORMAT }),
            _ => return Err(strange()),
        }
        let revision = fields.u64().map(Revision).ok_or_else(strange)?;
        let entries = fields.u64().ok_or_else(strange)?;
        let made = fields.u64().and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms))).ok_or_else(strange)?;
        let writer = fields.text().ok_or_else(strange)?.to_owned();
        if fields.is_empty() { Ok(Head { revision, entries, made, writer }) } else { Err(strange()) }
    }

    fn block(&mut self, mut fields: Fields<'_>, each: &mut impl FnMut(Arc<Entry>)) -> Result<(), DumpError> {
        let pool = Pool::none();
        while !fields.is_empty() {
            let entry = take_entry(&mut fields, &pool).ok_or_else(|| self.corrupt("an entry is not understood"))?;
            if self.last.as_ref().is_some_and(|last| *last >= entry.key) {
                return Err(self.corrupt("the entries are out of order"));
            }
            self.last = Some(entry.key.clone());
            self.seen += 1;
            each(Arc::new(entry));
        }
        Ok(())
    }

    fn end(&self, mut fields: Fields<'_>) -> Result<[u8; CHECKSUM], DumpError> {
        let promised = self.head.as_ref().map(|head| head.entries);
        if fields.u64() != promised || promised != Some(self.seen) {
            return Err(self.corrupt("entries are missing"));
        }
        let checksum: [u8; CHECKSUM] = self.hash.clone().finalize().into();
        if fields.0 != checksum {
            return Err(self.corrupt("the checksum of the whole is wrong"));
        }
        Ok(checksum)
    }

    fn corrupt(&self, problem: &'static str) -> DumpError {
        DumpError::Corrupt { offset: self.offset, problem }
    }
}

impl fmt::Debug for DumpReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DumpReader({:?}, {} entries)", self.head, self.seen)
    }
}

/// Reads a dump to its end, verifies it, and returns what it holds. `progress` looks on after each piece.
pub fn read(mut input: impl Read, mut progress: impl FnMut(&DumpReader)) -> Result<(Verified, Snapshot), DumpError> {
    let mut reader = DumpReader::default();
    let mut entries = Entries::new();
    let mut buffer = vec![0; READ];
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        reader.push(&buffer[..length], |entry| {
            entries.insert(entry.key.clone(), entry);
        })?;
        progress(&reader);
    }
    let verified = reader.finish()?;
    let snapshot = Snapshot::new(verified.head.revision, entries);
    Ok((verified, snapshot))
}
