//! The high-water mark: what the log must contain.

use std::io;
use std::path::{Path, PathBuf};

use super::FORMAT;
use super::disk::{Disk, DiskFile};
use super::frame::{Fields, put_u32, put_u64};
use super::segment::io as io_error;
use crate::{OpenError, Revision};

const NAME: &str = "mark";
const MAGIC: &[u8] = b"TMRK";
/// Small enough to lie within one sector, which disks write whole or not at all.
const SIZE: usize = 32;

pub(crate) struct Mark {
    file: Box<dyn DiskFile>,
    /// The newest revision that is on disk.
    pub(crate) revision: Revision,
    /// The oldest revision of the history.
    pub(crate) oldest: Revision,
    /// The file, as programs see it, says what is noted here …
    written: bool,
    /// … and the disk does.
    synced: bool,
}

impl Mark {
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    pub(crate) fn create(disk: &dyn Disk, dir: &Path, base: Revision) -> Result<Mark, OpenError> {
        let path = Mark::path(dir);
        let file = disk.create(&path).map_err(|source| io_error(&path, source))?;
        let mut mark = Mark { file, revision: base, oldest: base, written: false, synced: false };
        let written = mark.write().and_then(|()| mark.sync());
        written.map_err(|source| io_error(&path, source))?;
        Ok(mark)
    }

    pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> Result<Mark, OpenError> {
        let path = Mark::path(dir);
        let corrupt = |problem: &str| OpenError::Corrupt { file: path.clone(), offset: 0, problem: problem.to_owned() };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(corrupt("the file is missing"));
            }
            Err(source) => return Err(io_error(&path, source)),
        };
        let (revision, oldest) = decode(&bytes).ok_or_else(|| corrupt("the mark is damaged"))?;
        let file = disk.open(&path).map_err(|source| io_error(&path, source))?;
        Ok(Mark { file, revision, oldest, written: true, synced: true })
    }

    /// Notes, in a way that survives the process, that the log is on disk up to `revision`.
    pub(crate) fn advance(&mut self, revision: Revision) -> io::Result<()> {
        self.revision = revision;
        self.synced = false;
        self.write()
    }

    /// Notes, durably, where the history begins.
    pub(crate) fn raise_oldest(&mut self, oldest: Revision) -> io::Result<()> {
        self.oldest = self.oldest.max(oldest);
        self.synced = false;
        self.write()?;
        self.sync()
    }

    /// Makes what was noted survive the machine too.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.synced {
            return Ok(());
        }
        if !self.written {
            self.write()?;
        }
        // What a failed sync did not write is not tried again by the next one, unless it is written anew.
        self.written = false;
        self.file.sync()?;
        (self.written, self.synced) = (true, true);
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.written = false;
        self.file.write_at(&encode(self.revision, self.oldest), 0)?;
        self.written = true;
        Ok(())
    }
}

fn encode(revision: Revision, oldest: Revision) -> Vec<u8> {
    let mut out = Vec::with_capacity(SIZE);
    out.extend_from_slice(MAGIC);
    put_u32(&mut out, FORMAT);
    put_u64(&mut out, revision.0);
    put_u64(&mut out, oldest.0);
    put_u32(&mut out, 0);
    let checksum = crc32c::crc32c(&out);
    put_u32(&mut out, checksum);
    out
}

fn decode(bytes: &[u8]) -> Option<(Revision, Revision)> {
    let (body, checksum) = bytes.split_at_checked(SIZE - 4)?;
    if checksum != crc32c::crc32c(body).to_le_bytes() {
        return None;
    }
    let mut fields = Fields(body);
    if fields.take(4)? != MAGIC || !(1..=FORMAT).contains(&fields.u32()?) {
        return None;
    }
    Some((Revision(fields.u64()?), Revision(fields.u64()?)))
}
