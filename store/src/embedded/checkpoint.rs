//! Everything at one revision, in one file.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::frame::{self, Fields, Next, put_bytes, put_optional, put_u32, put_u64};
use super::record::{PLAIN, decode_value};
use super::segment::io as io_error;
use super::{FORMAT, directory};
use crate::snapshot::Entries;
use crate::{Entry, Key, OpenError, Revision, Snapshot};

const MAGIC: &[u8] = b"TCKP";
const END: &[u8] = b"TEND";
/// Entries are written in blocks of about this size (bytes).
const BLOCK: usize = 64 << 10;
/// The file is synced each time this many bytes were written, so that its last sync does not
/// hold up the log's.
const SYNC_EVERY: usize = 8 << 20;

pub(crate) fn path(dir: &Path, revision: Revision) -> PathBuf {
    dir.join(format!("checkpoint-{:020}.snap", revision.0))
}

pub(crate) fn parse_name(name: &str) -> Option<Revision> {
    let number = name.strip_prefix("checkpoint-")?.strip_suffix(".snap")?;
    number.parse().ok()
}

/// Writes `snapshot` beside the log. When this returns it is complete and on disk. Returns its
/// size in bytes.
pub(crate) fn write(dir: &Path, snapshot: &Snapshot) -> io::Result<u64> {
    let path = path(dir, snapshot.revision());
    let unfinished = path.with_extension("tmp");
    let written = write_file(&unfinished, snapshot).and_then(|size| std::fs::rename(&unfinished, &path).map(|()| size));
    if written.is_err() {
        // A disk that is full must not stay so for our sake.
        let _ = std::fs::remove_file(&unfinished);
    }
    let size = written?;
    directory::sync(dir)?;
    Ok(size)
}

fn write_file(path: &Path, snapshot: &Snapshot) -> io::Result<u64> {
    let mut file = File::create(path)?;
    let mut out = Vec::with_capacity(BLOCK * 2);
    frame::put(&mut out, |out| {
        out.extend_from_slice(MAGIC);
        put_u32(out, FORMAT);
        put_u64(out, snapshot.revision().0);
        put_u64(out, snapshot.len() as u64);
    });
    let mut entries = snapshot.entries().values().peekable();
    let (mut size, mut unsynced) = (0, 0);
    while entries.peek().is_some() {
        frame::put(&mut out, |out| {
            while out.len() < BLOCK
                && let Some(entry) = entries.next()
            {
                put_entry(out, entry);
            }
        });
        file.write_all(&out)?;
        size += out.len();
        unsynced += out.len();
        out.clear();
        if unsynced >= SYNC_EVERY {
            file.sync_data()?;
            unsynced = 0;
        }
    }
    frame::put(&mut out, |out| {
        out.extend_from_slice(END);
        put_u64(out, snapshot.len() as u64);
    });
    file.write_all(&out)?;
    file.sync_all()?;
    Ok((size + out.len()) as u64)
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    put_bytes(out, entry.key.as_bytes());
    put_u64(out, entry.revision.0);
    put_u64(out, entry.created.0);
    put_optional(out, entry.tag.as_deref());
    out.push(PLAIN);
    put_bytes(out, &entry.value);
}

fn take_entry(fields: &mut Fields<'_>) -> Option<Entry> {
    let key = Key::new(fields.text()?);
    let revision = Revision(fields.u64()?);
    let created = Revision(fields.u64()?);
    let tag = fields.optional()?;
    let value = Bytes::copy_from_slice(decode_value(fields)?);
    Some(Entry::new(key, revision, created, value, tag))
}

/// Reads and verifies a checkpoint. Returns its size in bytes too.
pub(crate) fn load(path: &Path) -> Result<(Snapshot, u64), OpenError> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let mut reader = Reader { path, input: BufReader::with_capacity(256 << 10, file), offset: 0, payload: Vec::new() };
    let (revision, count) = reader.head()?;
    let mut entries = Entries::new();
    let mut last: Option<Key> = None;
    loop {
        let mut fields = Fields(reader.frame()?);
        if fields.0.starts_with(END) && fields.0.len() == END.len() + 8 {
            fields.take(END.len());
            let end = fields.u64();
            if end != Some(count) || entries.len() as u64 != count {
                return Err(reader.corrupt("entries are missing"));
            }
            return reader.finish(Snapshot::new(revision, entries));
        }
        while !fields.is_empty() {
            let Some(entry) = take_entry(&mut fields) else {
                return Err(reader.corrupt("an entry is not understood"));
            };
            if last.as_ref().is_some_and(|last| *last >= entry.key) {
                return Err(reader.corrupt("the entries are out of order"));
            }
            last = Some(entry.key.clone());
            entries.insert(entry.key.clone(), Arc::new(entry));
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    input: BufReader<File>,
    /// Where the frame in `payload` starts.
    offset: u64,
    payload: Vec<u8>,
}

impl Reader<'_> {
    fn head(&mut self) -> Result<(Revision, u64), OpenError> {
        let mut fields = Fields(self.frame()?);
        if fields.take(4) != Some(MAGIC) {
            return Err(self.corrupt("this is no checkpoint"));
        }
        match (fields.u32(), fields.u64(), fields.u64()) {
            (Some(FORMAT), Some(revision), Some(count)) => Ok((Revision(revision), count)),
            (Some(found), _, _) if found > FORMAT => Err(OpenError::NewerFormat {
                what: self.path.display().to_string(),
                found: found.into(),
                supported: FORMAT.into(),
            }),
            _ => Err(self.corrupt("the header is not understood")),
        }
    }

    fn frame(&mut self) -> Result<&[u8], OpenError> {
        if !self.payload.is_empty() {
            self.offset += (frame::HEADER + self.payload.len()) as u64;
        }
        let next = frame::read(&mut self.input, &mut self.payload);
        match next.map_err(|source| io_error(self.path, source))? {
            Next::Frame => Ok(&self.payload),
            Next::End => Err(self.corrupt("the end of the file is missing")),
            Next::Damaged(problem) => Err(self.corrupt(problem)),
        }
    }

    fn finish(mut self, snapshot: Snapshot) -> Result<(Snapshot, u64), OpenError> {
        let size = self.offset + (frame::HEADER + self.payload.len()) as u64;
        let next = frame::read(&mut self.input, &mut self.payload);
        match next.map_err(|source| io_error(self.path, source))? {
            Next::End => Ok((snapshot, size)),
            _ => {
                self.offset = size;
                Err(self.corrupt("there is more after the end"))
            }
        }
    }

    fn corrupt(&self, problem: &str) -> OpenError {
        OpenError::Corrupt { file: self.path.to_owned(), offset: self.offset, problem: problem.to_owned() }
    }
}
