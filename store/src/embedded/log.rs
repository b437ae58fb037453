//! Appending to the log, and what happens when that fails.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::disk::{Disk, DiskFile};
use super::history::Segment;
use super::mark::Mark;
use super::segment::{self, Reader, Step, io as io_error};
use crate::{OpenError, Revision};

/// How long the mark may stay behind the log, on disk.
const MARK_DELAY: Duration = Duration::from_millis(100);

/// The end of the log.
pub(crate) struct Log {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    /// Where the next frame goes: everything before is on disk.
    size: u64,
    /// The newest revision that is on disk.
    last: Revision,
    mark: Mark,
    mark_synced: Instant,
    /// Something failed and the end of the file is not known to be what it should be.
    doubtful: bool,
}

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// It is certain that nothing of it remains.
    NotDone(String),
    /// It may be there after a restart.
    Unknown(String),
}

impl Log {
    pub(crate) fn create(
        directory: &Directory,
        disk: Arc<dyn Disk>,
        mark: Mark,
        after: Revision,
    ) -> Result<(Log, Segment), OpenError> {
        let dir = directory.path.clone();
        let path = segment::path(&dir, after);
        let made = new_file(&*disk, &dir, &path, after);
        let (file, size) = made.map_err(|source| io_error(&path, source))?;
        let segment = Segment::new(&path, after, size);
        let log = Log { dir, disk, file, path, size, last: after, mark, mark_synced: Instant::now(), doubtful: false };
        Ok((log, segment))
    }

    /// Continues after the last file that was read. When this returns, all of that file that was read, nothing behind it, and
    /// the mark are certain.
    pub(crate) fn open(
        directory: &Directory,
        disk: Arc<dyn Disk>,
        mark: Mark,
        last: Option<&Segment>,
    ) -> Result<Log, OpenError> {
        let Some(segment) = last else {
            return Err(OpenError::NotAStore { dir: directory.path.clone() });
        };
        let path = segment.path.clone();
        let file = disk.open(&path).map_err(|source| io_error(&path, source))?;
        let mut log = Log {
            dir: directory.path.clone(),
            disk,
            file,
            path,
            size: segment.size,
            last: segment.last,
            mark,
            mark_synced: Instant::now(),
            doubtful: false,
        };
        // Also where nothing is behind: perhaps it was cut off before, but in memory only.
        let certain = log.file.truncate(segment.size).and_then(|()| log.write_again(segment));
        let settled = certain.and_then(|()| log.file.sync()).and_then(|()| log.mark.advance(log.last));
        let settled = settled.and_then(|()| log.mark.sync());
        settled.map_err(|source| io_error(&log.path, source))?;
        Ok(log)
    }

    /// What lies behind the mark was read, but perhaps from memory only, and a sync that failed before may have made the
    /// system forget that it has to be written: so it is written anew.
    fn write_again(&mut self, segment: &Segment) -> io::Result<()> {
        let certain = self.mark.revision;
        if certain > segment.after && certain >= segment.last {
            return Ok(());
        }
        // Nothing of a file that begins there is certain, not even its header.
        let place = segment.place(certain).filter(|_| certain > segment.after);
        let offset = place.map_or(0, |(_, offset)| offset);
        let mut bytes = vec![0; (segment.size - offset) as usize];
        File::open(&segment.path)?.read_exact_at(&mut bytes, offset)?;
        self.file.write_at(&bytes, offset)
    }

    pub(crate) fn last(&self) -> Revision {
        self.last
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends whole frames that end with revision `last`. After `Ok` they are on disk.
    pub(crate) fn append(&mut self, frames: &[u8], last: Revision) -> Result<(), AppendError> {
        if self.doubtful {
            self.repair().map_err(AppendError::NotDone)?;
        }
        let written = self.file.write_at(frames, self.size);
        let failed_write = written.is_err();
        if let Err(error) = written.and_then(|()| self.file.sync()) {
            let what = if failed_write { "writing" } else { "syncing" };
            let problem = format!("{what} {}: {error}", self.path.display());
            tracing::error!("{problem}");
            self.doubtful = true;
            let repaired = self.repair();
            return Err(match repaired {
                Ok(()) if failed_write => AppendError::NotDone(problem),
                _ => AppendError::Unknown(problem),
            });
        }
        self.size += frames.len() as u64;
        self.last = last;
        if let Err(error) = self.mark.advance(last) {
            // The transactions are on disk all the same; only less would be noticed of damage.
            tracing::warn!("writing {}: {error}", Mark::path(&self.dir).display());
        }
        if self.mark_synced.elapsed() > MARK_DELAY {
            self.settle();
        }
        Ok(())
    }

    /// Syncs the mark. Called when there is time.
    pub(crate) fn settle(&mut self) {
        if let Err(error) = self.mark.sync() {
            tracing::warn!("syncing {}: {error}", Mark::path(&self.dir).display());
        }
        self.mark_synced = Instant::now();
    }

    pub(crate) fn raise_oldest(&mut self, oldest: Revision) -> io::Result<()> {
        self.mark.raise_oldest(oldest)
    }

    /// Begins a new file. The one before it ends with what is certain: only the last file may be torn.
    pub(crate) fn roll(&mut self) -> io::Result<Segment> {
        if self.doubtful {
            self.repair().map_err(io::Error::other)?;
        }
        let path = segment::path(&self.dir, self.last);
        let (file, size) = match new_file(&*self.disk, &self.dir, &path, self.last) {
            Ok(made) => made,
            Err(error) => {
                // If this fails too: a start knows a file that was never written to.
                let _ = self.disk.remove(&path);
                return Err(error);
            }
        };
        (self.file, self.path, self.size) = (file, path, size);
        Ok(Segment::new(&self.path, self.last, self.size))
    }

    /// Opens the file anew, cuts off what was not acknowledged, and reads it to see that the rest
    /// is there. Until this succeeds nothing is written.
    fn repair(&mut self) -> Result<(), String> {
        let named = |error: io::Error| format!("{}: {error}", self.path.display());
        let mut file = self.disk.open(&self.path).map_err(named)?;
        file.truncate(self.size).map_err(named)?;
        file.sync().map_err(named)?;
        verify(&self.path, self.size, self.last).map_err(|error| error.to_string())?;
        self.file = file;
        self.doubtful = false;
        tracing::info!("{}: writable again", self.path.display());
        Ok(())
    }
}

fn verify(path: &Path, size: u64, last: Revision) -> Result<(), OpenError> {
    let mut reader = match Reader::open(path)? {
        Ok(reader) => reader,
        Err(problem) => {
            return Err(OpenError::Corrupt { file: path.to_owned(), offset: 0, problem: problem.to_owned() });
        }
    };
    let problem = loop {
        match reader.next()? {
            Step::Transaction(..) => {}
            Step::End => break "transactions are missing",
            Step::Damaged(problem) => break problem,
        }
    };
    if reader.offset() == size && reader.last() == last {
        return Ok(());
    }
    Err(reader.corrupt(problem))
}

fn new_file(disk: &dyn Disk, dir: &Path, path: &Path, after: Revision) -> io::Result<(Box<dyn DiskFile>, u64)> {
    let header = segment::header(after);
    let mut file = disk.create(path)?;
    file.write_at(&header, 0)?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok((file, header.len() as u64))
}
