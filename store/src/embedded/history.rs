//! Reading old revisions from the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::record;
use super::segment::{Reader, Step};
use crate::engine::Chunk;
use crate::pool::Pool;
use crate::{OpenError, ReadError, Revision};

/// A place in each log file is remembered every so many bytes.
const INDEX_EVERY: u64 = 128 << 10;
/// One read returns about this much (bytes of keys and values) …
const CHUNK: usize = 4 << 20;
/// … and reads at most about this much (bytes of the log).
const STRETCH: u64 = 16 << 20;

/// What is known of a log file without reading it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// It holds the transactions after this revision…
    pub(crate) after: Revision,
    /// … up to this one.
    pub(crate) last: Revision,
    pub(crate) size: u64,
    /// When the last transaction was written, Unix ms.
    pub(crate) time: u64,
    /// Some places: at this offset starts the transaction after this revision.
    index: Vec<(Revision, u64)>,
    /// Events of keys with these prefixes were left out.
    pub(crate) without: Vec<Arc<str>>,
}

impl Segment {
    pub(crate) fn new(path: &Path, after: Revision, offset: u64) -> Segment {
        Segment {
            path: path.to_owned(),
            after,
            last: after,
            size: offset,
            time: 0,
            index: vec![(after, offset)],
            without: Vec::new(),
        }
    }

    /// Transactions up to `last` were added; the file is now `size` bytes long.
    pub(crate) fn grow(&mut self, last: Revision, size: u64, time: u64) {
        (self.last, self.size, self.time) = (last, size, time);
        let indexed = self.index.last().map_or(0, |(_, offset)| *offset);
        if size >= indexed + INDEX_EVERY {
            self.index.push((last, size));
        }
    }

    /// A place at or before the transaction after `after`.
    pub(crate) fn place(&self, after: Revision) -> Option<(Revision, u64)> {
        let next = self.index.partition_point(|(last, _)| *last <= after);
        self.index.get(next.checked_sub(1)?).copied()
    }
}

/// The log files, as readers may see them: only what is on disk.
pub(crate) struct History {
    segments: Mutex<Vec<Segment>>,
    pool: Arc<Pool>,
}

impl History {
    pub(crate) fn new(segments: Vec<Segment>, pool: Arc<Pool>) -> History {
        History { segments: Mutex::new(segments), pool }
    }

    pub(crate) fn grow(&self, last: Revision, size: u64, time: u64) {
        if let Some(segment) = self.segments.lock().last_mut() {
            segment.grow(last, size, time);
        }
    }

    pub(crate) fn add(&self, segment: Segment) {
        self.segments.lock().push(segment);
    }

    /// The files that no longer change, oldest first.
    pub(crate) fn closed(&self) -> Vec<Segment> {
        let segments = self.segments.lock();
        segments[..segments.len().saturating_sub(1)].to_vec()
    }

    /// Bytes in the log of transactions after `revision`, roughly.
    pub(crate) fn bytes_after(&self, revision: Revision) -> u64 {
        let segments = self.segments.lock();
        let later = segments.iter().filter(|segment| segment.last > revision);
        later.map(|s| s.size - s.place(revision).map_or(0, |(_, offset)| offset)).sum()
    }

    /// Forgets the files before the one that starts after `after`.
    pub(crate) fn drop_before(&self, after: Revision) {
        self.segments.lock().retain(|segment| segment.after >= after);
    }

    /// Puts `segment` in the place of the file that starts at the same revision. `rename` does the same on disk; whoever
    /// opens a file meanwhile waits, so that nobody reads one with the other's places.
    pub(crate) fn replace(&self, segment: Segment, rename: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut segments = self.segments.lock();
        if let Some(old) = segments.iter_mut().find(|known| known.after == segment.after) {
            rename()?;
            *old = segment;
        }
        Ok(())
    }

    /// Some of the events after `after`, up to `until`, of keys that start with `prefix`. Blocks. `oldest` tells why a file may be
    /// gone.
    pub(crate) fn read(
        &self,
        after: Revision,
        until: Revision,
        prefix: &str,
        oldest: impl Fn() -> Revision,
    ) -> Result<Chunk, ReadError> {
        let compacted = || ReadError::Compacted { oldest: oldest() };
        let (segment, place, opened) = {
            let segments = self.segments.lock();
            let Some(segment) = segments.iter().find(|s| s.after <= after && after < s.last) else {
                return Err(compacted());
            };
            let Some(place) = segment.place(after) else {
                return Err(compacted());
            };
            (segment.clone(), place, Reader::open(&segment.path))
        };
        let (last, offset) = place;
        let opened = match opened {
            Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && oldest() > after => {
                return Err(compacted());
            }
            opened => opened.map_err(unreadable)?,
        };
        let mut reader =
            opened.map_err(|problem| ReadError::Corrupt(format!("{}: {problem}", segment.path.display())))?;
        reader.seek(offset, last).map_err(unreadable)?;
        collect(reader, after, until.min(segment.last), prefix, &self.pool)
    }
}

fn collect(
    mut reader: Reader,
    after: Revision,
    until: Revision,
    prefix: &str,
    pool: &Pool,
) -> Result<Chunk, ReadError> {
    let mut chunk = Chunk { events: Vec::new(), through: after };
    let start = reader.offset();
    let mut weight = 0;
    while chunk.through < until && weight < CHUNK && reader.offset() < start + STRETCH {
        let problem = match reader.next().map_err(unreadable)? {
            Step::Transaction(head, _) if head.revision <= after => continue,
            Step::Transaction(head, fields) => match record::decode_events(&head, fields, prefix, pool) {
                Some(events) => {
                    weight += events.iter().map(|event| event.weight()).sum::<usize>();
                    chunk.events.extend(events);
                    chunk.through = head.revision;
                    continue;
                }
                None => "the transaction is not understood",
            },
            Step::End => "the file ends too early",
            Step::Damaged(problem) => problem,
        };
        return Err(unreadable(reader.corrupt(problem)));
    }
    Ok(chunk)
}

fn unreadable(error: OpenError) -> ReadError {
    match error {
        OpenError::Io { path, source } => ReadError::Unavailable(format!("{}: {source}", path.display())),
        other => ReadError::Corrupt(other.to_string()),
    }
}
