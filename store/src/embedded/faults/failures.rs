//! One failure of each kind.

use std::sync::Arc;

use super::disk::{Act, SimDisk};
use super::{keys, put};
use crate::embedded::Embedded;
use crate::engine::Engine;
use crate::hub::Hub;
use crate::{CommitError, Key, Op, OpenError, Options, Revision, Txn};

struct Bench {
    dir: tempfile::TempDir,
    disk: SimDisk,
}

/// Small files, so that a few writes begin new ones.
fn small() -> Options {
    Options { segment_bytes: 300, checkpoint_bytes: 300, ..Options::default() }
}

impl Bench {
    fn new() -> Bench {
        Bench::with_seed(1)
    }

    fn with_seed(seed: u64) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::over(dir.path(), seed);
        Bench { dir, disk }
    }

    async fn try_open(&self, options: Options) -> Result<(Arc<Hub>, Embedded), OpenError> {
        Embedded::open_on(Arc::new(self.disk.clone()), self.dir.path().join("store"), options).await
    }

    async fn open(&self) -> (Arc<Hub>, Embedded) {
        self.try_open(Options::default()).await.unwrap()
    }

    fn names(&self, end: &str) -> Vec<String> {
        let files = std::fs::read_dir(self.dir.path().join("store")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(end));
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_short_write_acknowledges_nothing_and_writing_goes_on() {
    let bench = Bench::new();
    let (hub, engine) = bench.open().await;
    let before = put(&engine, "a", "1").await.unwrap();
    bench.disk.fail(Act::Write, 1);
    let refused = put(&engine, "b", "1").await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    assert_eq!(keys(&hub), ["a"]);
    // Space is back: no restart is needed, and no revision was lost or used twice.
    assert_eq!(put(&engine, "c", "1").await.unwrap().0, before.0 + 1);
    engine.close().await;
    let (hub, _engine) = bench.open().await;
    assert_eq!(keys(&hub), ["a", "c"]);
}

#[tokio::test]
async fn a_failed_sync_is_an_unknown_outcome() {
    for evicts in [false, true] {
        let bench = Bench::new();
        let (hub, engine) = bench.open().await;
        put(&engine, "a", "1").await.unwrap();
        bench.disk.fail(Act::Sync, 1);
        if evicts {
            bench.disk.evict();
        }
        let unknown = put(&engine, "b", "1").await;
        assert!(matches!(unknown, Err(CommitError::Unknown(_))), "{unknown:?}");
        assert_eq!(keys(&hub), ["a"], "what is unknown is not shown");
        put(&engine, "c", "1").await.unwrap();
        engine.close().await;
        let (hub, _engine) = bench.open().await;
        assert_eq!(keys(&hub), ["a", "c"], "what was shown is what is there");
    }
}

#[tokio::test]
async fn nothing_is_written_until_the_end_of_the_log_is_certain_again() {
    let bench = Bench::new();
    let (hub, engine) = bench.open().await;
    put(&engine, "a", "1").await.unwrap();
    bench.disk.fail(Act::Write, 1);
    bench.disk.fail(Act::Truncate, 2);
    assert!(matches!(put(&engine, "b", "1").await, Err(CommitError::Unknown(_))));
    assert!(matches!(put(&engine, "c", "1").await, Err(CommitError::Unavailable(_))));
    put(&engine, "d", "1").await.unwrap();
    assert_eq!(keys(&hub), ["a", "d"]);
    engine.close().await;
    let (hub, _engine) = bench.open().await;
    assert_eq!(keys(&hub), ["a", "d"]);
}

#[tokio::test]
async fn a_new_log_file_that_cannot_be_made_stops_no_write() {
    // How often each succeeds before: the batch itself and its mark.
    for (act, before) in [(Act::Create, 0), (Act::Write, 2), (Act::Sync, 1), (Act::SyncDir, 0)] {
        for removable in [true, false] {
            let bench = Bench::new();
            let (_, engine) = bench.try_open(small()).await.unwrap();
            bench.disk.fail_after(act, before);
            bench.disk.fail(Act::Remove, usize::from(!removable));
            let first = put(&engine, "a", &"x".repeat(300)).await.expect("it is in the old file");
            let next = put(&engine, "b", "1").await.expect("the old file takes it, or another new one");
            assert_eq!(next, Revision(first.0 + 1));
            engine.close().await;
            bench.disk.revive();
            let what = format!("{act:?}, removable: {removable}");
            let (hub, engine) = bench.try_open(small()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!((hub.revision(), keys(&hub)), (next, vec!["a".to_owned(), "b".to_owned()]), "{what}");
            put(&engine, "c", &"x".repeat(300)).await.unwrap();
            engine.close().await;
            bench.try_open(small()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_checkpoint_that_fails_leaves_nothing_behind_and_the_next_one_succeeds() {
    for act in [Act::Create, Act::Write, Act::Sync, Act::Rename, Act::SyncDir] {
        let bench = Bench::new();
        let options = || Options { segment_bytes: 1 << 20, ..small() };
        let (hub, engine) = bench.try_open(options()).await.unwrap();
        put(&engine, "a", &"x".repeat(400)).await.unwrap();
        // Compaction, which writes and syncs the mark, makes the janitor look for work; closing waits until it has done it.
        // That the mark is synced when there is time may come between.
        bench.disk.fail_after(act, usize::from(matches!(act, Act::Write | Act::Sync)));
        let compacted = engine.compact(hub.revision()).await;
        assert!(compacted.is_ok() || act == Act::Sync, "{act:?}: {compacted:?}");
        engine.close().await;
        assert_eq!(bench.names(".snap"), Vec::<String>::new(), "{act:?}");
        assert_eq!(bench.names(".tmp"), Vec::<String>::new(), "{act:?}");
        bench.disk.revive();
        let (hub, engine) = bench.try_open(options()).await.unwrap();
        put(&engine, "b", "1").await.unwrap();
        engine.compact(hub.revision()).await.unwrap();
        engine.close().await;
        assert_eq!(bench.names(".snap").len(), 1, "{act:?}");
        assert_eq!(keys(&bench.try_open(options()).await.unwrap().0), ["a", "b"]);
    }
}

#[tokio::test]
async fn a_store_whose_making_failed_is_made_at_the_next_start() {
    for act in [Act::Create, Act::Write, Act::Sync, Act::Rename, Act::SyncDir] {
        for successes in 0..4 {
            let bench = Bench::new();
            bench.disk.fail_after(act, successes);
            match bench.try_open(Options::default()).await {
                Err(error) => assert!(matches!(error, OpenError::Io { .. }), "{act:?}: {error}"),
                Ok((_, engine)) => engine.close().await,
            }
            bench.disk.revive();
            let (_, engine) = bench.open().await;
            put(&engine, "a", "1").await.unwrap();
            engine.close().await;
            assert_eq!(keys(&bench.open().await.0), ["a"]);
        }
    }
}

#[tokio::test]
async fn a_file_whose_end_is_not_certain_is_not_left_behind_for_a_new_one() {
    for repairs in [1, 2] {
        let bench = Bench::new();
        let (hub, engine) = bench.try_open(small()).await.unwrap();
        // The file is full, but the next one cannot be made.
        bench.disk.fail(Act::Create, 1);
        put(&engine, "a", &"x".repeat(300)).await.unwrap();
        bench.disk.fail(Act::Write, 1);
        bench.disk.fail(Act::Truncate, repairs);
        assert!(matches!(put(&engine, "b", "1").await, Err(CommitError::Unknown(_))));
        // This one changes nothing, so it needs no write; but after it the next file is due.
        let absent = Op::Delete { key: Key::new("absent") };
        engine.commit(Txn { conditions: vec![], ops: vec![absent] }).await.unwrap();
        put(&engine, "c", "1").await.unwrap();
        assert_eq!(keys(&hub), ["a", "c"]);
        engine.close().await;
        let (hub, _engine) = bench.try_open(small()).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(keys(&hub), ["a", "c"]);
    }
}

/// Compaction and the start after it each end after some of their acts, then the power goes. The mark that this brings back may be
/// older than the one that the start saw.
#[tokio::test]
async fn a_start_removes_no_file_that_the_mark_on_disk_asks_for() {
    for (compaction, start) in (0..4).flat_map(|acts| (0..16).map(move |start| (acts, start))) {
        let bench = Bench::with_seed(compaction * 16 + start);
        let (_, engine) = bench.try_open(small()).await.unwrap();
        let padding = "x".repeat(300);
        put(&engine, "a", &padding).await.unwrap();
        put(&engine, "b", &padding).await.unwrap();
        // Wakes the janitor, which writes a checkpoint.
        engine.compact(Revision(1)).await.unwrap();
        engine.close().await;

        let (hub, engine) = bench.try_open(small()).await.unwrap();
        bench.disk.stop_after(compaction as usize);
        let _ = engine.compact(hub.revision()).await;
        engine.close().await;
        bench.disk.revive();

        bench.disk.stop_after(start as usize);
        if let Ok((_, engine)) = bench.try_open(small()).await {
            engine.close().await;
        }
        let left = bench.dir.path().join("left");
        bench.disk.power_cut(&left);
        let opened = Embedded::open_on(Arc::new(SimDisk::over(&left, 1)), left, small()).await;
        let (hub, _engine) = opened.unwrap_or_else(|error| panic!("{compaction}, {start}: {error}"));
        assert_eq!(keys(&hub), ["a", "b"]);
    }
}
