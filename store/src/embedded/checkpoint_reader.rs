//! Reading a checkpoint, on all cores: one thread reads blocks and verifies their checksums, others make entries of them,
//! the caller puts these in order.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::FORMAT;
use super::checkpoint::{END, MAGIC};
use super::entry_bytes::take_entry;
use super::frame::{self, Fields, Next};
use super::segment::io as io_error;
use crate::pool::Pool;
use crate::snapshot::Entries;
use crate::{Entry, Key, OpenError, Revision, Snapshot};

/// Blocks that may wait for a thread, each of about 64 KB.
const AHEAD: usize = 32;

/// A block of entries as it is in the file, and where.
struct Block {
    payload: Vec<u8>,
    offset: u64,
}

/// What a thread made of a block.
struct Made {
    entries: Vec<Arc<Entry>>,
    offset: u64,
}

/// Reads and verifies a checkpoint. Returns its size in bytes too.
pub(crate) fn read(path: &Path, pool: &Pool) -> Result<(Snapshot, u64), OpenError> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let mut reader = Reader { path, input: BufReader::with_capacity(256 << 10, file), offset: 0, payload: Vec::new() };
    let (revision, count) = reader.head()?;
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4));
    let (entries, size) = std::thread::scope(|scope| {
        let mut blocks = Vec::new();
        let mut made = Vec::new();
        for _ in 0..threads {
            let (block, next_block) = sync_channel::<Block>(AHEAD);
            let (result, next_result) = sync_channel(AHEAD);
            blocks.push(block);
            made.push(next_result);
            scope.spawn(move || decode(path, pool, next_block, result));
        }
        let reading = scope.spawn(move || reader.read_blocks(count, blocks));
        let assembled = assemble(path, made);
        // The reader saw the damage first, if both did.
        let size = reading.join().map_err(|_| corrupt(path, 0, "reading it failed"))??;
        let (entries, last) = assembled?;
        match entries.len() as u64 == count {
            true => Ok((entries, size)),
            false => Err(corrupt(path, last, "entries are missing")),
        }
    })?;
    Ok((Snapshot::new(revision, entries), size))
}

fn decode(path: &Path, pool: &Pool, blocks: Receiver<Block>, made: SyncSender<Result<Made, OpenError>>) {
    for Block { payload, offset } in blocks {
        let mut fields = Fields(&payload);
        let mut entries = Vec::new();
        let mut understood = true;
        while understood && !fields.is_empty() {
            match take_entry(&mut fields, pool) {
                Some(entry) => entries.push(Arc::new(entry)),
                None => understood = false,
            }
        }
        let result = match understood {
            true => Ok(Made { entries, offset }),
            false => Err(corrupt(path, offset, "an entry is not understood")),
        };
        if made.send(result).is_err() {
            return;
        }
    }
}

/// Takes a block from each thread in turn, as they were given out. Returns where the last one stood, too.
fn assemble(path: &Path, made: Vec<Receiver<Result<Made, OpenError>>>) -> Result<(Entries, u64), OpenError> {
    let mut entries = Entries::new();
    let mut last: Option<Key> = None;
    let mut reached = 0;
    for next in made.iter().cycle() {
        let Ok(made) = next.recv() else { break };
        let made = made?;
        reached = made.offset;
        for entry in made.entries {
            if last.as_ref().is_some_and(|last| *last >= entry.key) {
                return Err(corrupt(path, made.offset, "the entries are out of order"));
            }
            last = Some(entry.key.clone());
            entries.insert(entry.key.clone(), entry);
        }
    }
    Ok((entries, reached))
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
        self.frame()?;
        let mut fields = Fields(&self.payload);
        if fields.take(4) != Some(MAGIC) {
            return Err(self.corrupt("this is no checkpoint"));
        }
        match (fields.u32(), fields.u64(), fields.u64()) {
            (Some(1..=FORMAT), Some(revision), Some(count)) => Ok((Revision(revision), count)),
            (Some(found), _, _) if found > FORMAT => Err(OpenError::NewerFormat {
                what: self.path.display().to_string(),
                found: found.into(),
                supported: FORMAT.into(),
            }),
            _ => Err(self.corrupt("the header is not understood")),
        }
    }

    /// Gives the blocks to the threads in turn. Returns the file's size.
    fn read_blocks(mut self, count: u64, threads: Vec<SyncSender<Block>>) -> Result<u64, OpenError> {
        for thread in threads.iter().cycle() {
            self.frame()?;
            if self.payload.starts_with(END) && self.payload.len() == END.len() + 8 {
                let end = Fields(&self.payload[END.len()..]).u64();
                if end != Some(count) {
                    return Err(self.corrupt("entries are missing"));
                }
                break;
            }
            let block = Block { payload: self.payload.clone(), offset: self.offset };
            if thread.send(block).is_err() {
                // Something was wrong with an earlier block; the others say what.
                return Ok(0);
            }
        }
        self.finish()
    }

    /// Reads the next frame into `payload`.
    fn frame(&mut self) -> Result<(), OpenError> {
        if !self.payload.is_empty() {
            self.offset += (frame::HEADER + self.payload.len()) as u64;
        }
        let next = frame::read(&mut self.input, &mut self.payload);
        match next.map_err(|source| io_error(self.path, source))? {
            Next::Frame => Ok(()),
            Next::End => Err(self.corrupt("the end of the file is missing")),
            Next::Damaged(problem) => Err(self.corrupt(problem)),
        }
    }

    fn finish(mut self) -> Result<u64, OpenError> {
        let size = self.offset + (frame::HEADER + self.payload.len()) as u64;
        let next = frame::read(&mut self.input, &mut self.payload);
        match next.map_err(|source| io_error(self.path, source))? {
            Next::End => Ok(size),
            _ => Err(corrupt(self.path, size, "there is more after the end")),
        }
    }

    fn corrupt(&self, problem: &str) -> OpenError {
        corrupt(self.path, self.offset, problem)
    }
}

fn corrupt(path: &Path, offset: u64, problem: &str) -> OpenError {
    OpenError::Corrupt { file: path.to_owned(), offset, problem: problem.to_owned() }
}
