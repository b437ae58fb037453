//! Reading a log file from its beginning to its end, verifying all of it. Files are read on several threads at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::history::Segment;
use super::record;
use super::segment::{Reader, Step};
use crate::pool::Pool;
use crate::{Event, OpenError, Revision};

/// Transactions that are handed over together.
const TOGETHER: usize = 64;

/// A transaction's events, and where the file goes on behind it.
pub(super) struct Piece {
    pub(super) events: Vec<Arc<Event>>,
    pub(super) offset: u64,
}

/// What was found in a file.
pub(super) struct Scanned {
    pub(super) segment: Segment,
    /// When its revisions were (Unix ms), oldest first.
    pub(super) times: Vec<(u64, Revision)>,
    pub(super) damage: Option<Damage>,
}

/// The file is intact up to here, and no further.
pub(super) struct Damage {
    pub(super) problem: &'static str,
    pub(super) offset: u64,
    pub(super) last: Revision,
    /// Something behind proves that what is missing had been on disk.
    pub(super) was_whole: bool,
}

/// Reads the file and hands over the events after revision `from`. `Ok(Err(problem))`: its header is damaged. `is_last`:
/// it is the end of the log, which may be torn.
pub(super) fn scan(
    path: &Path,
    from: Revision,
    is_last: bool,
    pool: &Pool,
    pieces: &SyncSender<Vec<Piece>>,
) -> Result<Result<Scanned, &'static str>, OpenError> {
    let mut reader = match Reader::open(path)? {
        Ok(reader) => reader,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut segment = Segment::new(path, reader.last(), reader.offset());
    segment.without = reader.without().to_vec();
    let mut times: Vec<(u64, Revision)> = Vec::new();
    let mut batch = Vec::new();
    let problem = loop {
        let (head, events) = match reader.next()? {
            Step::End => break None,
            Step::Damaged(problem) => break Some(problem),
            Step::Transaction(head, _) if head.revision <= from => (head, None),
            Step::Transaction(head, fields) => match record::decode_events(&head, fields, "", pool) {
                Some(events) => (head, Some(events)),
                None => return Err(reader.corrupt("the transaction is not understood")),
            },
        };
        segment.grow(head.revision, reader.offset(), head.time);
        match times.last_mut() {
            Some((time, revision)) if *time == head.time => *revision = head.revision,
            _ => times.push((head.time, head.revision)),
        }
        if let Some(events) = events {
            batch.push(Piece { events, offset: reader.offset() });
            // Nobody takes it any more: another file was found to be damaged.
            if batch.len() == TOGETHER && pieces.send(std::mem::take(&mut batch)).is_err() {
                break None;
            }
        }
    };
    let _ = pieces.send(batch);
    let damage = match problem {
        None => None,
        Some(problem) => {
            let (offset, last) = (reader.offset(), reader.last());
            Some(Damage { problem, offset, last, was_whole: is_last && reader.was_whole()? })
        }
    };
    Ok(Ok(Scanned { segment, times, damage }))
}
