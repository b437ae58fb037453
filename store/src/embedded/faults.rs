//! A disk that fails on demand, and what must follow.

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Embedded;
use super::disk::{Disk, LogFile, RealDisk};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::{CommitError, Key, Op, Options, Revision, Txn};

/// What goes wrong at the next attempts.
#[derive(Default)]
struct Faults {
    /// Writes that fail after some of their bytes were written.
    short_writes: usize,
    syncs: usize,
    truncations: usize,
    /// A failed sync also loses what was written: some kernels drop such pages.
    sync_loses: bool,
}

#[derive(Clone, Default)]
struct FaultyDisk(Arc<Mutex<Faults>>);

struct FaultyFile {
    file: Box<dyn LogFile>,
    faults: Arc<Mutex<Faults>>,
    written: u64,
    synced: u64,
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(self.wrap(RealDisk.create(path)?, 0))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(self.wrap(RealDisk.open(path)?, std::fs::metadata(path)?.len()))
    }
}

impl FaultyDisk {
    fn wrap(&self, file: Box<dyn LogFile>, synced: u64) -> Box<dyn LogFile> {
        let faults = self.0.clone();
        Box::new(FaultyFile { file, faults, written: synced, synced })
    }
}

fn takes(count: &mut usize) -> bool {
    let fails = *count > 0;
    *count = count.saturating_sub(1);
    fails
}

impl LogFile for FaultyFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if takes(&mut self.faults.lock().short_writes) {
            self.file.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written = offset + bytes.len() as u64;
        self.file.write_at(bytes, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if takes(&mut self.faults.lock().truncations) {
            return Err(io::Error::other("injected"));
        }
        self.written = length;
        self.synced = self.synced.min(length);
        self.file.truncate(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut faults = self.faults.lock();
        if takes(&mut faults.syncs) {
            if faults.sync_loses {
                self.file.truncate(self.synced)?;
            }
            return Err(io::Error::other("injected"));
        }
        self.synced = self.written;
        self.file.sync()
    }
}

struct Bench {
    dir: tempfile::TempDir,
    disk: FaultyDisk,
}

impl Bench {
    fn new() -> Bench {
        Bench { dir: tempfile::tempdir().unwrap(), disk: FaultyDisk::default() }
    }

    async fn open(&self) -> (Arc<Hub>, Embedded) {
        let disk = Arc::new(self.disk.clone());
        let options = Options::default();
        let opened = Embedded::open_on(disk, self.dir.path().join("store"), options);
        opened.await.unwrap()
    }

    fn fail(&self, faults: Faults) {
        *self.disk.0.lock() = faults;
    }
}

async fn put(engine: &Embedded, key: &str) -> Result<Revision, CommitError> {
    let op = Op::Put { key: Key::new(key), value: "some value".into(), tag: None };
    let txn = Txn { conditions: vec![], ops: vec![op] };
    engine.commit(txn).await
}

fn keys(hub: &Hub) -> Vec<String> {
    let snapshot = hub.snapshot();
    snapshot.range("", None).map(|e| e.key.to_string()).collect()
}

#[tokio::test]
async fn a_short_write_acknowledges_nothing_and_writing_goes_on() {
    let bench = Bench::new();
    let (hub, engine) = bench.open().await;
    let before = put(&engine, "a").await.unwrap();
    bench.fail(Faults { short_writes: 1, ..Faults::default() });
    let refused = put(&engine, "b").await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    assert_eq!(keys(&hub), ["a"]);
    // Space is back: no restart is needed, and no revision was lost or used twice.
    assert_eq!(put(&engine, "c").await.unwrap().0, before.0 + 1);
    engine.close().await;
    let (hub, _engine) = bench.open().await;
    assert_eq!(keys(&hub), ["a", "c"]);
}

#[tokio::test]
async fn a_failed_sync_is_an_unknown_outcome() {
    for sync_loses in [false, true] {
        let bench = Bench::new();
        let (hub, engine) = bench.open().await;
        put(&engine, "a").await.unwrap();
        bench.fail(Faults { syncs: 1, sync_loses, ..Faults::default() });
        let unknown = put(&engine, "b").await;
        assert!(matches!(unknown, Err(CommitError::Unknown(_))), "{unknown:?}");
        assert_eq!(keys(&hub), ["a"], "what is unknown is not shown");
        put(&engine, "c").await.unwrap();
        engine.close().await;
        let (hub, _engine) = bench.open().await;
        assert_eq!(keys(&hub), ["a", "c"], "what was shown is what is there");
    }
}

#[tokio::test]
async fn nothing_is_written_until_the_end_of_the_log_is_certain_again() {
    let bench = Bench::new();
    let (hub, engine) = bench.open().await;
    put(&engine, "a").await.unwrap();
    bench.fail(Faults { short_writes: 1, truncations: 2, ..Faults::default() });
    assert!(matches!(put(&engine, "b").await, Err(CommitError::Unknown(_))));
    assert!(matches!(put(&engine, "c").await, Err(CommitError::Unavailable(_))));
    put(&engine, "d").await.unwrap();
    assert_eq!(keys(&hub), ["a", "d"]);
    engine.close().await;
    let (hub, _engine) = bench.open().await;
    assert_eq!(keys(&hub), ["a", "d"]);
}
