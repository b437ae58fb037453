//! One file of the log.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::FORMAT;
use super::frame::{self, Fields, Next};
use super::record::{self, Head};
use crate::{OpenError, Revision};

const MAGIC: &[u8] = b"TLOG";
const READ_AHEAD: usize = 256 << 10;

pub(crate) fn path(dir: &Path, after: Revision) -> PathBuf {
    dir.join(format!("log-{:020}.seg", after.0))
}

/// The revision after which the file named `name` starts, if it is a log file's name.
pub(crate) fn parse_name(name: &str) -> Option<Revision> {
    let number = name.strip_prefix("log-")?.strip_suffix(".seg")?;
    number.parse().ok()
}

/// The first bytes of a log file.
pub(crate) fn header(after: Revision) -> Vec<u8> {
    header_without(after, &[])
}

/// The first bytes of a log file from which the events of keys with these prefixes were left out.
pub(crate) fn header_without(after: Revision, without: &[Arc<str>]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put(&mut out, |out| {
        out.extend_from_slice(MAGIC);
        frame::put_u32(out, FORMAT);
        frame::put_u64(out, after.0);
        frame::put_u32(out, without.len() as u32);
        for prefix in without {
            frame::put_bytes(out, prefix.as_bytes());
        }
    });
    out
}

/// Which events were left out of a file, as the rest of its header tells. The first format knew no such thing.
fn without(format: u32, fields: &mut Fields<'_>) -> Option<Vec<Arc<str>>> {
    if format < 2 {
        return Some(Vec::new());
    }
    let count = fields.u32()?;
    let prefixes: Option<Vec<Arc<str>>> = (0..count).map(|_| fields.text().map(Arc::from)).collect();
    prefixes.filter(|_| fields.is_empty())
}

/// A log file being read. It yields frames that are intact and in sequence, or says what is wrong.
pub(crate) struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    /// Where the next frame starts.
    offset: u64,
    /// The revision of the last transaction read (before the first one: where the file starts).
    last: Revision,
    payload: Vec<u8>,
    without: Vec<Arc<str>>,
}

pub(crate) enum Step<'a> {
    Transaction(Head, Fields<'a>),
    End,
    /// No intact frame here; the reader stands before it.
    Damaged(&'static str),
}

impl Reader {
    /// Opens a log file and reads its header. `Ok(Err(problem))`: the header is damaged.
    pub(crate) fn open(path: &Path) -> Result<Result<Reader, &'static str>, OpenError> {
        let file = File::open(path).map_err(|source| io(path, source))?;
        let mut reader = Reader {
            path: path.to_owned(),
            input: BufReader::with_capacity(READ_AHEAD, file),
            offset: 0,
            last: Revision(0),
            payload: Vec::new(),
            without: Vec::new(),
        };
        match reader.frame()? {
            Next::Frame => {}
            Next::End => return Ok(Err("the file is empty")),
            Next::Damaged(problem) => return Ok(Err(problem)),
        }
        let mut fields = Fields(&reader.payload);
        if fields.take(4) != Some(MAGIC) {
            return Ok(Err("this is no log file"));
        }
        let Some(format) = fields.u32() else {
            return Ok(Err("the header is not understood"));
        };
        if format > FORMAT {
            return Err(OpenError::NewerFormat {
                what: path.display().to_string(),
                found: format.into(),
                supported: FORMAT.into(),
            });
        }
        match (fields.u64(), without(format, &mut fields)) {
            (Some(after), Some(without)) => (reader.last, reader.without) = (Revision(after), without),
            _ => return Ok(Err("the header is not understood")),
        }
        reader.offset = (frame::HEADER + reader.payload.len()) as u64;
        Ok(Ok(reader))
    }

    /// Continues at `offset`, where the transaction after `last` starts.
    pub(crate) fn seek(&mut self, offset: u64, last: Revision) -> Result<(), OpenError> {
        let sought = self.input.seek(SeekFrom::Start(offset));
        sought.map_err(|source| io(&self.path, source))?;
        (self.offset, self.last) = (offset, last);
        Ok(())
    }

    /// The prefixes of keys whose events were left out.
    pub(crate) fn without(&self) -> &[Arc<str>] {
        &self.without
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn last(&self) -> Revision {
        self.last
    }

    pub(crate) fn next(&mut self) -> Result<Step<'_>, OpenError> {
        match self.frame()? {
            Next::Frame => {}
            Next::End => return Ok(Step::End),
            Next::Damaged(problem) => return Ok(Step::Damaged(problem)),
        }
        let Some((head, fields)) = record::decode_head(&self.payload) else {
            return Ok(Step::Damaged("the frame is no transaction"));
        };
        if head.previous != self.last || head.revision <= head.previous {
            return Ok(Step::Damaged("the transaction does not follow the one before it"));
        }
        self.last = head.revision;
        self.offset += (frame::HEADER + self.payload.len()) as u64;
        Ok(Step::Transaction(head, fields))
    }

    /// Whether anything after the reader's place proves that everything after `last` had once been
    /// on disk: then damage here is not a torn end.
    pub(crate) fn was_whole(&mut self) -> Result<bool, OpenError> {
        let mut rest = Vec::new();
        let read = self.input.seek(SeekFrom::Start(self.offset)).and_then(|_| self.input.read_to_end(&mut rest));
        read.map_err(|source| io(&self.path, source))?;
        let proof = (1..rest.len()).any(|at| {
            frame::peek(&rest[at..]).and_then(record::decode_head).is_some_and(|(head, _)| head.synced > self.last)
        });
        Ok(proof)
    }

    pub(crate) fn corrupt(&self, problem: impl Into<String>) -> OpenError {
        OpenError::Corrupt { file: self.path.clone(), offset: self.offset, problem: problem.into() }
    }

    fn frame(&mut self) -> Result<Next, OpenError> {
        frame::read(&mut self.input, &mut self.payload).map_err(|source| io(&self.path, source))
    }
}

pub(crate) fn io(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}
