//! A log file without the history that is kept for less time than the rest: heartbeats, above all.
//!
//! The file is written anew beside the old one and takes its place in one step. Its header says which keys' events are
//! not in it. A transaction of which nothing is left is not in it either, and the next one then names the last that is; only
//! the file's last transaction always stays, so that the next file goes on behind it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::frame;
use super::history::Segment;
use super::record::{self, Head};
use super::segment::{self, Reader, Step, io as io_error};
use crate::{OpenError, Revision};

/// The new file is written and synced in steps of this many bytes, so that the log's own syncs need not wait for long.
const STEP: usize = 1 << 20;
/// A file is only written anew when this part of it goes (one of so many).
const WORTHWHILE: u64 = 8;

/// A finished file under a name of its own.
pub(super) struct Thinned {
    pub(super) unfinished: PathBuf,
    /// As it is once it has the old one's name.
    pub(super) segment: Segment,
}

/// Writes `old` without the events of keys that start with one of `without`. `None`: too little of it would go.
pub(super) fn thin(disk: &dyn Disk, old: &Segment, without: &[Arc<str>]) -> Result<Option<Thinned>, OpenError> {
    let mut goes = 0;
    walk(old, |_, events| {
        goes += events.iter().filter(|event| is_dropped(event, without)).map(|event| event.len() as u64).sum::<u64>();
        Ok(())
    })?;
    if goes < old.size / WORTHWHILE {
        return Ok(None);
    }
    let unfinished = old.path.with_extension("tmp");
    match write(disk, old, without, &unfinished) {
        Ok(segment) => Ok(Some(Thinned { unfinished, segment })),
        Err(error) => {
            // A disk that is full must not stay so for our sake.
            let _ = disk.remove(&unfinished);
            Err(error)
        }
    }
}

fn is_dropped(event: &[u8], without: &[Arc<str>]) -> bool {
    record::key_of(event).is_some_and(|key| without.iter().any(|prefix| key.starts_with(&**prefix)))
}

fn write(disk: &dyn Disk, old: &Segment, without: &[Arc<str>], path: &Path) -> Result<Segment, OpenError> {
    let failed = |source| io_error(path, source);
    let mut file = disk.create(path).map_err(failed)?;
    let mut out = segment::header_without(old.after, without);
    let mut written = Segment::new(&old.path, old.after, out.len() as u64);
    written.without = without.to_vec();
    let mut size = out.len() as u64;
    walk(old, |head, events| {
        let kept: Vec<&[u8]> = events.into_iter().filter(|event| !is_dropped(event, without)).collect();
        if kept.is_empty() && head.revision != old.last {
            return Ok(());
        }
        let before = out.len();
        let head = Head { previous: written.last, ..*head };
        frame::put(&mut out, |out| record::encode_raw(out, &head, &kept));
        size += (out.len() - before) as u64;
        written.grow(head.revision, size, head.time);
        if out.len() >= STEP { flush(&mut *file, &mut out, size) } else { Ok(()) }
    })?;
    flush(&mut *file, &mut out, size).map_err(failed)?;
    Ok(written)
}

/// Writes `out`, with which the file is `size` bytes long.
fn flush(file: &mut dyn DiskFile, out: &mut Vec<u8>, size: u64) -> io::Result<()> {
    file.write_at(out, size - out.len() as u64)?;
    file.sync()?;
    out.clear();
    Ok(())
}

/// Shows each transaction of a file, its events as bytes.
fn walk(old: &Segment, mut see: impl FnMut(&Head, Vec<&[u8]>) -> io::Result<()>) -> Result<(), OpenError> {
    let corrupt = |problem: &str| OpenError::Corrupt { file: old.path.clone(), offset: 0, problem: problem.to_owned() };
    let mut reader = Reader::open(&old.path)?.map_err(corrupt)?;
    while reader.last() < old.last {
        match reader.next()? {
            Step::Transaction(head, fields) => {
                let Some(events) = record::split_events(fields) else {
                    return Err(reader.corrupt("the transaction is not understood"));
                };
                see(&head, events).map_err(|source| io_error(&old.path, source))?;
            }
            Step::End => return Err(reader.corrupt("the file ends too early")),
            Step::Damaged(problem) => return Err(reader.corrupt(problem)),
        }
    }
    Ok(())
}

/// Which of the rules (a prefix, and since when its history is kept, Unix ms) ask for something of a file to go.
pub(super) fn due(segment: &Segment, rules: &[(Arc<str>, u64)]) -> Vec<Arc<str>> {
    let new = |prefix: &Arc<str>| !segment.without.contains(prefix);
    let due = rules.iter().filter(|(prefix, since)| segment.time < *since && new(prefix));
    due.map(|(prefix, _)| prefix.clone()).collect()
}

/// The floor of each part of history that files tell of: up to their ends it is gone.
pub(super) fn floors(segments: &[Segment]) -> Vec<(Arc<str>, Revision)> {
    let each = segments.iter().flat_map(|segment| segment.without.iter().map(|prefix| (prefix.clone(), segment.last)));
    let mut floors: Vec<(Arc<str>, Revision)> = Vec::new();
    for (prefix, last) in each {
        match floors.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, floor)) => *floor = last,
            None => floors.push((prefix, last)),
        }
    }
    floors
}
