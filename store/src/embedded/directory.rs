//! The directory itself: who uses it, what format it has, which files are there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::segment::io as io_error;
use super::{FORMAT, checkpoint, segment};
use crate::{OpenError, Revision};

/// The revision of an empty store.
const BASE: Revision = Revision(1);
const WRITER: &str = env!("CARGO_PKG_VERSION");
const TITLE: &str = "timonier store";

/// A directory that this process has to itself until this value is dropped.
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    /// The revision at which the empty store began.
    pub(crate) base: Revision,
    /// No store was here before.
    pub(crate) is_new: bool,
    /// Where log files start, in order.
    pub(crate) segments: Vec<Revision>,
    /// Checkpoints, in order.
    pub(crate) checkpoints: Vec<Revision>,
    _lock: File,
}

impl Directory {
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Directory, OpenError> {
        make(disk, path)?;
        let has_format = path.join("format").exists();
        let listing = list(path)?;
        if !has_format && listing.foreign {
            let dir = path.to_owned();
            return Err(OpenError::NotAStore { dir });
        }
        let lock = lock(path)?;
        // Listed again: another process may have been busy until now.
        let listing = list(path)?;
        let base = match read_format(disk, path)? {
            Some(base) => base,
            None if listing.is_used => {
                return Err(OpenError::Corrupt {
                    file: path.join("format"),
                    offset: 0,
                    problem: "the file is missing, but there is a log".to_owned(),
                });
            }
            None => BASE,
        };
        Ok(Directory {
            path: path.to_owned(),
            base,
            is_new: !path.join("format").exists(),
            segments: listing.segments,
            checkpoints: listing.checkpoints,
            _lock: lock,
        })
    }

    /// An empty directory, locked, for a store that begins at `base`.
    pub(super) fn begin(path: &Path, base: Revision, lock: File) -> Directory {
        let path = path.to_owned();
        Directory { path, base, is_new: true, segments: Vec::new(), checkpoints: Vec::new(), _lock: lock }
    }

    /// The last step of making a store: from now on this is one.
    pub(crate) fn declare(&self, disk: &dyn Disk) -> Result<(), OpenError> {
        // Also when the directory was there: whoever made it may have been interrupted. First, because no later start does it.
        sync_parent(disk, &self.path)?;
        write_format(disk, &self.path, self.base)
    }
}

/// Makes `dir` and what it lies in, as far as they are missing, so that they survive the machine.
pub(super) fn make(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make(disk, if parent == Path::new("") { Path::new(".") } else { parent })?;
    }
    match disk.create_dir(dir) {
        // Somebody else made it just now.
        Err(_) if dir.is_dir() => Ok(()),
        Err(source) => Err(io_error(dir, source)),
        Ok(()) => sync_parent(disk, dir),
    }
}

fn sync_parent(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    match dir.parent() {
        Some(parent) if parent != Path::new("") => disk.sync_dir(parent).map_err(|source| io_error(parent, source)),
        _ => Ok(()),
    }
}

/// Bytes that the files in `dir` take.
pub(crate) fn size(dir: &Path) -> io::Result<u64> {
    let mut size = 0;
    for file in std::fs::read_dir(dir)? {
        // One that has just gone takes nothing.
        size += file?.metadata().map_or(0, |file| file.len());
    }
    Ok(size)
}

/// Removes a store's files, and the directory when nothing else is in it.
pub(super) fn destroy(dir: &Path) -> Result<(), OpenError> {
    let failed = |source| io_error(dir, source);
    if !dir.exists() {
        return Ok(());
    }
    let _lock = lock(dir)?;
    let others = clear(dir)?;
    if others {
        return Ok(());
    }
    std::fs::remove_file(dir.join("lock")).map_err(failed)?;
    std::fs::remove_dir(dir).map_err(failed)
}

/// Removes a store's files but the lock, which is held. What makes them a store goes first. Returns whether others are there.
pub(super) fn clear(dir: &Path) -> Result<bool, OpenError> {
    let failed = |source| io_error(dir, source);
    match std::fs::remove_file(dir.join("format")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut others = false;
    for file in std::fs::read_dir(dir).map_err(failed)? {
        let file = file.map_err(failed)?;
        let name = file.file_name();
        if !is_ours(&name.to_string_lossy()) {
            others = true;
        } else if name != "lock" {
            std::fs::remove_file(file.path()).map_err(failed)?;
        }
    }
    Ok(others)
}

fn is_ours(name: &str) -> bool {
    matches!(name, "format" | "lock" | "mark")
        || name.ends_with(".tmp")
        || segment::parse_name(name).is_some()
        || checkpoint::parse_name(name).is_some()
}

pub(super) struct Listing {
    pub(super) segments: Vec<Revision>,
    pub(super) checkpoints: Vec<Revision>,
    /// There are files that no store makes.
    pub(super) foreign: bool,
    /// There is a checkpoint, or a log with something in it.
    pub(super) is_used: bool,
}

pub(super) fn list(dir: &Path) -> Result<Listing, OpenError> {
    let failed = |source| io_error(dir, source);
    let mut listing = Listing { segments: Vec::new(), checkpoints: Vec::new(), foreign: false, is_used: false };
    for file in std::fs::read_dir(dir).map_err(failed)? {
        let file = file.map_err(failed)?;
        let name = file.file_name().to_string_lossy().into_owned();
        if let Some(after) = segment::parse_name(&name) {
            let size = file.metadata().map_err(failed)?.len();
            listing.is_used |= size > segment::header(after).len() as u64;
            listing.segments.push(after);
        } else if let Some(revision) = checkpoint::parse_name(&name) {
            listing.is_used = true;
            listing.checkpoints.push(revision);
        } else if !is_ours(&name) {
            listing.foreign = true;
        }
    }
    listing.segments.sort();
    listing.checkpoints.sort();
    Ok(listing)
}

pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let failed = |source| io_error(&path, source);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            return Err(OpenError::Locked { dir: dir.to_owned(), pid: pid.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(failed)?;
    Ok(file)
}

fn write_format(disk: &dyn Disk, dir: &Path, base: Revision) -> Result<(), OpenError> {
    let path = dir.join("format");
    let body = format!("{TITLE}\nformat {FORMAT}\nwriter {WRITER}\nbase {base}\n");
    let text = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    let unfinished = dir.join("format.tmp");
    let write = || {
        let mut file = disk.create(&unfinished)?;
        file.write_at(text.as_bytes(), 0)?;
        file.sync()?;
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(dir)
    };
    write().map_err(|source| io_error(&path, source))
}

/// The base of the store in `dir`; `None` when there is none. A file that another version wrote
/// is written anew.
fn read_format(disk: &dyn Disk, dir: &Path) -> Result<Option<Revision>, OpenError> {
    let path = dir.join("format");
    let corrupt = |offset: usize, problem: &str| OpenError::Corrupt {
        file: path.clone(),
        offset: offset as u64,
        problem: problem.to_owned(),
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error(&path, source)),
    };
    let text = String::from_utf8(bytes).map_err(|_| corrupt(0, "the file is not text"))?;
    let end = text.rfind("crc32c ").unwrap_or(text.len());
    let (body, checksum) = text.split_at(end);
    let expected = format!("crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    if checksum != expected {
        return Err(corrupt(end, "the checksum is wrong"));
    }
    if body.lines().next() != Some(TITLE) {
        return Err(corrupt(0, "the first line is not that of a store"));
    }
    let field = |name: &str| {
        let mut lines = body.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let number = |name: &str| field(name).and_then(|value| value.parse::<u64>().ok());
    let format = number("format").ok_or_else(|| corrupt(0, "the format's number is missing"))?;
    if format > u64::from(FORMAT) {
        return Err(OpenError::NewerFormat {
            what: dir.display().to_string(),
            found: format,
            supported: FORMAT.into(),
        });
    }
    let base = number("base").ok_or_else(|| corrupt(0, "the base is missing"))?;
    if field("writer") != Some(WRITER) || format != u64::from(FORMAT) {
        write_format(disk, dir, Revision(base))?;
    }
    Ok(Some(Revision(base)))
}
