//! The embedded engine: an append log of our own, with checkpoints, in one directory.
//!
//! # Files (format 2)
//!
//! Numbers are little-endian. A *frame* is `length u32, crc32c u32, payload`; the checksum covers
//! the length and the payload. *Bytes* are `length u32` and that many bytes; an *optional* one has
//! a byte 0 or 1 in front.
//!
//! - `format`: text, one `name value` a line: `timonier store`, `format 1`, `writer 0.1.0` (the
//!   version that wrote last), `base 1` (the revision of the empty store), `crc32c 01234567` (of
//!   all before it).
//! - `lock`: held with `flock` by the process that has the store open; contains its id.
//! - `log-R.seg`: the transactions after revision R, oldest first. A header frame (`TLOG`,
//!   format u32, R u64, since format 2: count u32 of key prefixes and these as bytes, whose events were left out of the
//!   file), then one frame a transaction: revision u64, the revision before it u64,
//!   the newest revision that was on disk when this was written u64, time u64 (Unix ms), and
//!   the changes: count u32, each
//!   - kind u8 (1 put, 2 delete), key bytes,
//!   - put only: tag optional bytes, encoding u8 (0: as it is), value bytes,
//!   - u8 whether there was an entry before, and if so: its revision u64, created u64, tag optional
//!     bytes, and its value as the difference to the new one: common prefix u32, common suffix
//!     u32, the bytes in between. So history can be read without looking elsewhere.
//! - `checkpoint-R.snap`: everything at revision R. A header frame (`TCKP`, format u32, R u64,
//!   entries u64), block frames (entries one after another: key bytes, revision u64, created u64,
//!   tag optional bytes, encoding u8, value bytes; in key order), and an end frame (`TEND`,
//!   entries u64).
//! - `mark`: 32 bytes, overwritten in place: `TMRK`, format u32, the newest revision that is on
//!   disk u64, the oldest revision of the history u64, reserved u32, crc32c u32 of all before it.
//! - `*.tmp`: unfinished; removed at the next start.
//!
//! # Why nothing is lost unnoticed
//!
//! A batch of transactions is appended, synced, then noted in `mark`, and only then acknowledged.
//! At the start each frame of each file is verified; each transaction names the one before it,
//! each log file starts where the one before it ended, the first one not after the `mark`'s oldest
//! revision or the checkpoint, and the last one must reach the `mark`. What
//! lies behind the mark was not acknowledged, and a torn end there is cut off. `mark` itself is
//! synced a little later than the log (at most 100 ms under load), so after a power failure it may
//! be behind: hence each transaction also tells what was on disk before it, and damage that is
//! followed by a transaction which proves that it had been whole is no torn end.
//!
//! What a start finds may be in memory only, where the process before was killed between a change and its sync, or where a sync
//! failed. So a start syncs the directory, cuts the log off where its reading ended, writes what lies behind the mark and the
//! mark itself anew, before it builds on them or removes what they make needless. A log file that holds nothing is not read but
//! removed: it had just been begun, or was begun in vain on a failing disk.
//!
//! All changes of files go through `disk`; `faults` (tests) makes it fail.
//!
//! Reading order: `frame`, `record`, `segment`, `checkpoint`, `checkpoint_reader`, `mark`, `directory`, `recover` and `scan` (the
//! start), `log` (appending, and what happens when that fails), `committer` (the thread that
//! writes), `history` (the reading of old revisions), `janitor` (checkpoints, dropping history), `thin` (dropping a part of
//! it), `load` (restoring).

mod checkpoint;
mod checkpoint_reader;
mod committer;
mod directory;
mod disk;
pub(crate) mod entry_bytes;
pub(crate) mod frame;
mod history;
mod janitor;
mod load;

mod log;
mod mark;
pub(crate) mod record;
mod recover;
mod scan;
mod segment;
mod thin;

#[cfg(test)]
mod faults;
mod value_bytes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::engine::{Chunk, Engine};
use crate::hub::Hub;
use crate::pool::Pool;
use crate::{CommitError, OpenError, Options, ReadError, Revision, Txn};

use committer::Committer;
use directory::Directory;
use disk::{Disk, RealDisk};
use history::History;
use janitor::Janitor;

pub(crate) use load::load;

/// The format that this version writes, and the newest that it reads.
pub(crate) const FORMAT: u32 = 2;

pub(crate) struct Embedded {
    dir: PathBuf,
    hub: Arc<Hub>,
    committer: Committer,
    history: Arc<History>,
    /// So that many watchers that resume at once take turns, and not all the memory.
    readers: Arc<Semaphore>,
    janitor: Janitor,
    txn_bytes: usize,
}

/// Reads of history at the same time.
const READERS: usize = 4;

/// Removes the store in `dir`.
pub(crate) fn destroy(dir: &Path) -> Result<(), OpenError> {
    directory::destroy(dir)
}

impl Embedded {
    /// Opens the store in `dir`, or makes one there. Reads and verifies all its files.
    pub(crate) async fn open(dir: PathBuf, options: Options) -> Result<(Arc<Hub>, Embedded), OpenError> {
        Embedded::open_on(Arc::new(RealDisk), dir, options).await
    }

    async fn open_on(disk: Arc<dyn Disk>, dir: PathBuf, options: Options) -> Result<(Arc<Hub>, Embedded), OpenError> {
        let at = dir.clone();
        let opened = tokio::task::spawn_blocking(move || Embedded::start(disk, &dir, &options));
        match opened.await {
            Ok(opened) => opened,
            Err(failed) => Err(OpenError::Io { path: at, source: std::io::Error::other(failed) }),
        }
    }

    fn start(disk: Arc<dyn Disk>, dir: &Path, options: &Options) -> Result<(Arc<Hub>, Embedded), OpenError> {
        let directory = Directory::open(&*disk, dir)?;
        let pool = Pool::new(options.parts);
        let recovered = recover::recover(&directory, &disk, options, &pool)?;
        let hub = Arc::new(Hub::new(recovered.snapshot, recovered.floors, recovered.tail, recovered.timeline));
        let history = Arc::new(History::new(recovered.segments, pool.clone()));
        let committer =
            Committer::start(hub.clone(), history.clone(), recovered.log, pool, options.segment_bytes, directory);
        let janitor = Janitor::start(
            disk,
            dir.to_owned(),
            hub.clone(),
            history.clone(),
            committer.clone(),
            recovered.checkpoint,
            options.clone(),
        );
        let engine = Embedded {
            dir: dir.to_owned(),
            hub: hub.clone(),
            committer,
            history,
            readers: Arc::new(Semaphore::new(READERS)),
            janitor,
            txn_bytes: options.txn_bytes,
        };
        Ok((hub, engine))
    }
}

impl Engine for Embedded {
    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>> {
        let committer = self.committer.clone();
        let valid = txn.validate(self.txn_bytes);
        async move {
            valid?;
            committer.commit(txn).await
        }
        .boxed()
    }

    fn newest(&self) -> BoxFuture<'static, Result<Revision, ReadError>> {
        futures::future::ready(Ok(self.hub.revision())).boxed()
    }

    fn history(&self, after: Revision, until: Revision, prefix: &str) -> BoxFuture<'static, Result<Chunk, ReadError>> {
        let history = self.history.clone();
        let (hub, readers, prefix) = (self.hub.clone(), self.readers.clone(), prefix.to_owned());
        async move {
            let _turn = readers.acquire_owned().await;
            let read = tokio::task::spawn_blocking(move || history.read(after, until, &prefix, || hub.oldest()));
            read.await.unwrap_or_else(|failed| Err(ReadError::Unavailable(failed.to_string())))
        }
        .boxed()
    }

    fn compact(&self, before: Revision) -> BoxFuture<'static, Result<(), ReadError>> {
        let (committer, hub, janitor) = (self.committer.clone(), self.hub.clone(), self.janitor.waker());
        async move {
            committer.note_oldest(before).await?;
            hub.raise_oldest(before);
            hub.forget(before);
            janitor.wake();
            Ok(())
        }
        .boxed()
    }

    fn size(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        let dir = self.dir.clone();
        let size = tokio::task::spawn_blocking(move || directory::size(&dir));
        async move {
            let size = size.await.unwrap_or_else(|failed| Err(std::io::Error::other(failed)));
            size.map_err(|error| ReadError::Unavailable(error.to_string()))
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let (committer, janitor) = (self.committer.clone(), self.janitor.waker());
        async move {
            janitor.stop().await;
            committer.close().await;
        }
        .boxed()
    }
}
