//! From files to a running store, or to a named error.

use std::sync::Arc;

use super::directory::{self, Directory};
use super::disk::Disk;
use super::history::Segment;
use super::log::Log;
use super::mark::Mark;
use super::segment::{self, Reader, Step, io};
use super::{checkpoint, record};
use crate::snapshot::Entries;
use crate::tail::Tail;
use crate::{Event, OpenError, Options, Revision, Snapshot};

pub(crate) struct Recovered {
    pub(crate) snapshot: Snapshot,
    pub(crate) oldest: Revision,
    pub(crate) tail: Tail,
    pub(crate) segments: Vec<Segment>,
    pub(crate) log: Log,
    /// The newest checkpoint, and its size in bytes.
    pub(crate) checkpoint: Option<(Revision, u64)>,
}

pub(crate) fn recover(directory: &Directory, disk: &Arc<dyn Disk>, options: &Options) -> Result<Recovered, OpenError> {
    remove_unfinished(directory)?;
    if directory.is_new {
        return create(directory, disk, options);
    }
    let mark = Mark::open(&directory.path)?;
    let (start, checkpoint) = match directory.checkpoints.last() {
        Some(revision) => {
            let path = checkpoint::path(&directory.path, *revision);
            let (snapshot, size) = checkpoint::load(&path)?;
            if snapshot.revision() != *revision {
                return Err(corrupt(&path, "the name is not that of the revision inside"));
            }
            (snapshot, Some((*revision, size)))
        }
        None => (Snapshot::new(directory.base, Entries::new()), None),
    };
    let first = directory.segments.first().copied();
    let needed = mark.oldest.min(start.revision());
    if first.is_none_or(|first| first > needed) {
        let path = segment::path(&directory.path, needed);
        return Err(corrupt(&path, &format!("the log after revision {needed} is missing")));
    }
    let mut replay = Replay {
        revision: start.revision(),
        entries: start.entries().clone(),
        tail: Tail::new(start.revision(), options.tail_events, options.tail_bytes),
        segments: Vec::new(),
        mark: mark.revision,
    };
    replay.read_all(directory, disk)?;
    if checkpoint.is_some_and(|(revision, _)| replay.end() < revision) {
        return Err(replay.too_short(directory, "a checkpoint is newer"));
    }
    if replay.end() < mark.revision {
        return Err(replay.too_short(directory, &format!("revision {} is missing", mark.revision)));
    }
    for older in directory.checkpoints.iter().rev().skip(1) {
        let path = checkpoint::path(&directory.path, *older);
        std::fs::remove_file(&path).map_err(|source| io(&path, source))?;
    }
    let oldest = mark.oldest;
    Ok(Recovered {
        log: Log::open(directory, disk.clone(), mark, replay.segments.last())?,
        snapshot: Snapshot::new(replay.revision, replay.entries),
        oldest,
        tail: replay.tail,
        segments: replay.segments,
        checkpoint,
    })
}

/// Makes a store that is empty, or holds the checkpoint that is there at its base.
pub(super) fn create(directory: &Directory, disk: &Arc<dyn Disk>, options: &Options) -> Result<Recovered, OpenError> {
    let base = directory.base;
    // What an interrupted attempt left.
    for after in &directory.segments {
        let path = segment::path(&directory.path, *after);
        std::fs::remove_file(&path).map_err(|source| io(&path, source))?;
    }
    let mark = Mark::create(&directory.path, base)?;
    let (log, segment) = Log::create(directory, disk.clone(), mark, base)?;
    directory.declare()?;
    Ok(Recovered {
        snapshot: Snapshot::new(base, Entries::new()),
        oldest: base,
        tail: Tail::new(base, options.tail_events, options.tail_bytes),
        segments: vec![segment],
        log,
        checkpoint: None,
    })
}

fn remove_unfinished(directory: &Directory) -> Result<(), OpenError> {
    let failed = |source| io(&directory.path, source);
    for file in std::fs::read_dir(&directory.path).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}

/// Reads the log and builds the state.
struct Replay {
    revision: Revision,
    entries: Entries,
    tail: Tail,
    segments: Vec<Segment>,
    mark: Revision,
}

impl Replay {
    fn read_all(&mut self, directory: &Directory, disk: &Arc<dyn Disk>) -> Result<(), OpenError> {
        let mut files = directory.segments.iter().peekable();
        while let Some(after) = files.next() {
            let is_last = files.peek().is_none();
            let path = segment::path(&directory.path, *after);
            let mut reader = match Reader::open(&path)? {
                Ok(reader) => reader,
                // A new file whose header was not yet on disk: nothing was ever in it.
                Err(_) if is_last && self.may_be_unborn(*after) => {
                    std::fs::remove_file(&path).map_err(|source| io(&path, source))?;
                    return directory::sync(&directory.path).map_err(|source| io(&path, source));
                }
                Err(problem) => return Err(corrupt(&path, problem)),
            };
            if reader.last() != *after {
                return Err(corrupt(&path, "the name is not that of the revision inside"));
            }
            if let Some(before) = self.segments.last()
                && before.last != *after
            {
                return Err(corrupt(
                    &before.path,
                    &format!("the log is missing between revisions {} and {after}", before.last),
                ));
            }
            self.segments.push(Segment::new(&path, *after, reader.offset()));
            if let Some(problem) = self.read_one(&mut reader)? {
                if !is_last || reader.last() < self.mark || reader.was_whole()? {
                    return Err(reader.corrupt(problem));
                }
                tracing::warn!(
                    "{}: cut off an unfinished write at byte {} ({problem})",
                    path.display(),
                    reader.offset()
                );
                let mut file = disk.open(&path).map_err(|source| io(&path, source))?;
                let cut = file.truncate(reader.offset()).and_then(|()| file.sync());
                cut.map_err(|source| io(&path, source))?;
            }
        }
        Ok(())
    }

    /// Reads one file to its end, or to where it is damaged: then returns what is wrong.
    fn read_one(&mut self, reader: &mut Reader) -> Result<Option<&'static str>, OpenError> {
        loop {
            let (head, events) = match reader.next()? {
                Step::End => return Ok(None),
                Step::Damaged(problem) => return Ok(Some(problem)),
                Step::Transaction(head, _) if head.revision <= self.revision => (head, None),
                Step::Transaction(head, fields) => match record::decode_events(&head, fields) {
                    Some(events) => (head, Some(events)),
                    None => return Err(reader.corrupt("the transaction is not understood")),
                },
            };
            if let Some(segment) = self.segments.last_mut() {
                segment.grow(head.revision, reader.offset(), head.time);
            }
            for event in events.into_iter().flatten() {
                if !self.apply(event) {
                    return Err(reader.corrupt("the transaction does not fit what was before it"));
                }
            }
            self.revision = self.revision.max(head.revision);
            self.tail.trim();
        }
    }

    /// Applies an event; `false` when the state is not the one that the event was made from.
    fn apply(&mut self, event: Arc<Event>) -> bool {
        let before = match &event.current {
            Some(entry) => self.entries.insert(event.key.clone(), entry.clone()),
            None => self.entries.remove(&event.key),
        };
        let fits = before == event.previous;
        // The entry that was there already, not the copy that was just decoded, so that the
        // events in memory share their values.
        self.tail.push(Arc::new(Event {
            revision: event.revision,
            key: event.key.clone(),
            previous: before,
            current: event.current.clone(),
        }));
        fits
    }

    fn may_be_unborn(&self, after: Revision) -> bool {
        self.mark <= after && self.segments.last().is_some_and(|before| before.last == after)
    }

    /// The last revision in the log.
    fn end(&self) -> Revision {
        self.segments.last().map_or(Revision(0), |segment| segment.last)
    }

    fn too_short(&self, directory: &Directory, why: &str) -> OpenError {
        let (file, offset) = match self.segments.last() {
            Some(segment) => (segment.path.clone(), segment.size),
            None => (directory.path.clone(), 0),
        };
        OpenError::Corrupt { file, offset, problem: format!("the log ends at revision {}, but {why}", self.end()) }
    }
}

fn corrupt(path: &std::path::Path, problem: &str) -> OpenError {
    OpenError::Corrupt { file: path.to_owned(), offset: 0, problem: problem.to_owned() }
}
