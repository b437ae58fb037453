//! From files to a running store, or to a named error.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use super::directory::Directory;
use super::disk::Disk;
use super::history::Segment;
use super::log::Log;
use super::mark::Mark;
use super::scan::{self, Damage, Piece, Scanned};
use super::segment::{self, io};
use super::{checkpoint, checkpoint_reader, thin};
use crate::floors::Floors;
use crate::pool::Pool;
use crate::snapshot::Entries;
use crate::tail::Tail;
use crate::timeline::Timeline;
use crate::{Event, OpenError, Options, Revision, Snapshot};

/// Batches of transactions of a file that may wait to be applied.
const AHEAD: usize = 64;

pub(crate) struct Recovered {
    pub(crate) snapshot: Snapshot,
    pub(crate) floors: Floors,
    pub(crate) tail: Tail,
    pub(crate) timeline: Timeline,
    pub(crate) segments: Vec<Segment>,
    pub(crate) log: Log,
    /// The newest checkpoint, and its size in bytes.
    pub(crate) checkpoint: Option<(Revision, u64)>,
}

pub(crate) fn recover(
    directory: &Directory,
    disk: &Arc<dyn Disk>,
    options: &Options,
    pool: &Pool,
) -> Result<Recovered, OpenError> {
    remove_unfinished(directory, &**disk)?;
    if directory.is_new {
        return create(directory, disk, options);
    }
    // Whoever made the files that are seen here may have ended before their names were certain.
    disk.sync_dir(&directory.path).map_err(|source| io(&directory.path, source))?;
    let mark = Mark::open(&**disk, &directory.path)?;
    let (start, checkpoint) = match directory.checkpoints.last() {
        Some(revision) => {
            let path = checkpoint::path(&directory.path, *revision);
            let (snapshot, size) = checkpoint_reader::read(&path, pool)?;
            if snapshot.revision() != *revision {
                return Err(corrupt(&path, "the name is not that of the revision inside"));
            }
            (snapshot, Some((*revision, size)))
        }
        None => (Snapshot::new(directory.base, Entries::new()), None),
    };
    let needed = mark.oldest.min(start.revision());
    let Some((segments, unneeded)) = needed_files(directory, needed)? else {
        let path = segment::path(&directory.path, needed);
        return Err(corrupt(&path, &format!("the log after revision {needed} is missing")));
    };
    let mut replay = Replay {
        revision: start.revision(),
        entries: start.entries().clone(),
        tail: Tail::new(start.revision(), options.tail_events, options.tail_bytes),
        timeline: Timeline::default(),
        segments: Vec::new(),
        mark: mark.revision,
    };
    replay.read_all(directory, &segments, pool)?;
    if checkpoint.is_some_and(|(revision, _)| replay.end() < revision) {
        return Err(replay.too_short(directory, "a checkpoint is newer"));
    }
    if replay.end() < mark.revision {
        return Err(replay.too_short(directory, &format!("revision {} is missing", mark.revision)));
    }
    let floors = Floors::new(mark.oldest, thin::floors(&replay.segments));
    // This makes the mark certain. Before that nothing is removed: where the history begins was read, but perhaps from memory
    // only, and the mark that a power cut then brings back would ask for the older files.
    let log = Log::open(directory, disk.clone(), mark, replay.segments.last())?;
    let unneeded = unneeded.iter().map(|after| segment::path(&directory.path, *after));
    let older = directory.checkpoints.iter().rev().skip(1).map(|older| checkpoint::path(&directory.path, *older));
    for path in unneeded.chain(older) {
        disk.remove(&path).map_err(|source| io(&path, source))?;
    }
    Ok(Recovered {
        log,
        snapshot: Snapshot::new(replay.revision, replay.entries),
        floors,
        tail: replay.tail,
        timeline: replay.timeline,
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
        disk.remove(&path).map_err(|source| io(&path, source))?;
    }
    let mark = Mark::create(&**disk, &directory.path, base)?;
    let (log, segment) = Log::create(directory, disk.clone(), mark, base)?;
    directory.declare(&**disk)?;
    Ok(Recovered {
        snapshot: Snapshot::new(base, Entries::new()),
        floors: Floors::new(base, Vec::new()),
        tail: Tail::new(base, options.tail_events, options.tail_bytes),
        timeline: Timeline::default(),
        segments: vec![segment],
        log,
        checkpoint: None,
    })
}

fn remove_unfinished(directory: &Directory, disk: &dyn Disk) -> Result<(), OpenError> {
    let failed = |source| io(&directory.path, source);
    for file in std::fs::read_dir(&directory.path).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            disk.remove(&path).map_err(failed)?;
        }
    }
    Ok(())
}

/// Where log files start: those to read, and those to remove.
type Files = (Vec<Revision>, Vec<Revision>);

/// The log files from the one that has the transaction after `needed`, and those that nobody needs: they hold history that was
/// dropped, or nothing at all.
fn needed_files(directory: &Directory, needed: Revision) -> Result<Option<Files>, OpenError> {
    let (mut files, mut unneeded) = (Vec::new(), Vec::new());
    for after in &directory.segments {
        let path = segment::path(&directory.path, *after);
        let size = std::fs::metadata(&path).map_err(|source| io(&path, source))?.len();
        let holds_something = size > segment::header(*after).len() as u64;
        if holds_something { files.push(*after) } else { unneeded.push(*after) }
    }
    let is_before = |after: &Revision| *after <= needed;
    if let Some(first) = files.iter().rposition(is_before) {
        unneeded.extend(files.drain(..first));
    } else if let Some(begun) = unneeded.iter().rposition(is_before) {
        // All history is dropped, and nothing was written since.
        files.insert(0, unneeded.remove(begun));
    } else {
        return Ok(None);
    }
    Ok(Some((files, unneeded)))
}

/// Reads the log and builds the state.
struct Replay {
    revision: Revision,
    entries: Entries,
    tail: Tail,
    timeline: Timeline,
    segments: Vec<Segment>,
    mark: Revision,
}

impl Replay {
    /// Reads all files, some of them ahead on other threads, and applies them in order.
    fn read_all(&mut self, directory: &Directory, segments: &[Revision], pool: &Pool) -> Result<(), OpenError> {
        let from = self.revision;
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4));
        std::thread::scope(|scope| {
            let mut scans = VecDeque::new();
            let mut files = segments.iter().peekable();
            loop {
                while scans.len() < threads
                    && let Some(after) = files.next()
                {
                    let is_last = files.peek().is_none();
                    let path = segment::path(&directory.path, *after);
                    let (pieces, next) = sync_channel(AHEAD);
                    let file = path.clone();
                    let scan = scope.spawn(move || scan::scan(&file, from, is_last, pool, &pieces));
                    scans.push_back((*after, is_last, path, next, scan));
                }
                let Some((after, is_last, path, next, scan)) = scans.pop_front() else {
                    return Ok(());
                };
                let fits = self.apply_all(&path, next);
                let scanned = scan.join().map_err(|_| corrupt(&path, "reading it failed"))??;
                self.add(after, is_last, &path, scanned)?;
                fits?;
            }
        })
    }

    fn apply_all(&mut self, path: &Path, pieces: Receiver<Vec<Piece>>) -> Result<(), OpenError> {
        for Piece { events, offset } in pieces.into_iter().flatten() {
            for event in events {
                let revision = event.revision;
                if !self.apply(event) {
                    return Err(OpenError::Corrupt {
                        file: path.to_owned(),
                        offset,
                        problem: "the transaction does not fit what was before it".to_owned(),
                    });
                }
                self.revision = revision;
            }
            self.tail.trim();
        }
        Ok(())
    }

    /// Adds a file that was read to the log, if it goes on where the one before it ended. A torn end is left out of it; `Log::open`
    /// cuts it off.
    fn add(
        &mut self,
        after: Revision,
        is_last: bool,
        path: &Path,
        scanned: Result<Scanned, &'static str>,
    ) -> Result<(), OpenError> {
        let mut scanned = match scanned {
            Ok(scanned) => scanned,
            Err(problem) => return Err(corrupt(path, problem)),
        };
        if scanned.segment.after != after {
            return Err(corrupt(path, "the name is not that of the revision inside"));
        }
        if let Some(before) = self.segments.last()
            && before.last != after
        {
            return Err(corrupt(
                &before.path,
                &format!("the log is missing between revisions {} and {after}", before.last),
            ));
        }
        if let Some(damage) = scanned.damage.take() {
            let Damage { problem, offset, last, was_whole } = damage;
            if !is_last || last < self.mark || was_whole {
                return Err(OpenError::Corrupt { file: path.to_owned(), offset, problem: problem.to_owned() });
            }
            tracing::warn!("{}: an unfinished write at byte {offset} is cut off ({problem})", path.display());
        }
        for (time, revision) in scanned.times {
            self.timeline.note(time, revision);
        }
        self.revision = self.revision.max(scanned.segment.last);
        self.segments.push(scanned.segment);
        Ok(())
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

fn corrupt(path: &Path, problem: &str) -> OpenError {
    OpenError::Corrupt { file: path.to_owned(), offset: 0, problem: problem.to_owned() }
}
