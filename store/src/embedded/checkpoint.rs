//! Everything at one revision, in one file: writing it. Reading is in `checkpoint_reader`.

use std::io;
use std::path::{Path, PathBuf};

use super::FORMAT;
use super::disk::Disk;
use super::entry_bytes::put_entry;
use super::frame::{self, put_u32, put_u64};
use crate::{Revision, Snapshot};

pub(super) const MAGIC: &[u8] = b"TCKP";
pub(super) const END: &[u8] = b"TEND";
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
pub(crate) fn write(disk: &dyn Disk, dir: &Path, snapshot: &Snapshot) -> io::Result<u64> {
    let path = path(dir, snapshot.revision());
    let unfinished = path.with_extension("tmp");
    let written = write_file(disk, &unfinished, snapshot);
    let written = written.and_then(|size| disk.rename(&unfinished, &path).map(|()| size));
    if written.is_err() {
        // A disk that is full must not stay so for our sake.
        let _ = disk.remove(&unfinished);
    }
    let size = written?;
    if let Err(error) = disk.sync_dir(dir) {
        // The next one gets another name: without this, each attempt would leave one behind.
        let _ = disk.remove(&path);
        return Err(error);
    }
    Ok(size)
}

fn write_file(disk: &dyn Disk, path: &Path, snapshot: &Snapshot) -> io::Result<u64> {
    let mut file = disk.create(path)?;
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
        file.write_at(&out, size)?;
        size += out.len() as u64;
        unsynced += out.len();
        out.clear();
        if unsynced >= SYNC_EVERY {
            file.sync()?;
            unsynced = 0;
        }
    }
    frame::put(&mut out, |out| {
        out.extend_from_slice(END);
        put_u64(out, snapshot.len() as u64);
    });
    file.write_at(&out, size)?;
    file.sync()?;
    Ok(size + out.len() as u64)
}
