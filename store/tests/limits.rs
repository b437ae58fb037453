//! History that is kept for less time leaves the disk, and takes nothing of the rest with it.

mod suite;

use std::fs;
use std::time::Duration;

use suite::history::contents;
use suite::place::{Directory, Place};
use suite::{put, until, within, write};
use timonier_store::{Filter, Options, ReadError, Revision, Snapshot, Store, StoreUrl};

const SHORT: &str = "leases/";

fn options(window: Duration) -> Options {
    Options {
        shorter: vec![(SHORT.into(), window)],
        segment_bytes: 4000,
        checkpoint_bytes: 8000,
        tail_events: 4,
        ..Options::default()
    }
}

/// Heartbeats with a few changes among them, also in one transaction. Returns the states in between.
async fn busy(store: &Store) -> Vec<Snapshot> {
    let mut states = vec![store.snapshot()];
    for i in 0..200 {
        let beat = put(&format!("leases/node-{}", i % 5), &format!("beat {i} {}", "x".repeat(100)));
        let ops = match i % 10 {
            0 => vec![put("pods/a", &format!("{i}"))],
            // Also the last of all, so that whoever follows a part learns of the end.
            1 | 9 => vec![beat, put("pods/b", &format!("{i}"))],
            _ => vec![beat],
        };
        write(store, ops).await;
        states.push(store.snapshot());
    }
    states
}

fn pods(snapshot: &Snapshot) -> Vec<String> {
    contents(snapshot).into_iter().filter(|line| line.starts_with("pods/")).collect()
}

/// Waits until no more than this is kept of the heartbeats. Compaction makes the janitor look for work at once.
async fn until_left_out(store: &Store, before: Revision) {
    within("heartbeats to be left out", async {
        while store.oldest_of(SHORT) < before {
            store.compact(store.oldest()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn log_bytes(place: &Directory) -> u64 {
    let files = fs::read_dir(place.path()).unwrap().map(|file| file.unwrap());
    let logs = files.filter(|file| file.file_name().to_string_lossy().ends_with(".seg"));
    logs.map(|file| file.metadata().unwrap().len()).sum()
}

async fn check(place: &Directory, store: &Store, start: Revision, states: &[Snapshot], expected: &[String]) {
    let last = states.last().unwrap().revision();
    assert_eq!(store.oldest(), start);
    assert_eq!(store.oldest_of("pods/"), start);
    let oldest = store.oldest_of(SHORT);
    assert!(oldest > start);
    // Everything else is as it was.
    let mut watch = store.watch(start, Filter::prefix("pods/")).unwrap();
    assert_eq!(place.describe(&until(&mut watch, last).await, start), expected);
    for state in states {
        let past = store.at_prefix(state.revision(), "pods/").await.unwrap();
        assert_eq!(pods(&past), pods(state));
        let whole = store.at(state.revision()).await;
        match whole {
            Ok(whole) => assert_eq!(contents(&whole), contents(state)),
            Err(ReadError::Compacted { oldest: said }) => assert!(said == oldest && state.revision() < oldest),
            Err(other) => panic!("{other}"),
        }
    }
    // What was left out is refused, not wrong.
    let before = Revision(oldest.0 - 1);
    let watch = store.watch(before, Filter::prefix(SHORT)).err();
    assert!(matches!(watch, Some(ReadError::Compacted { oldest: said }) if said == oldest), "{watch:?}");
    let exact = store.at_prefix(before, "leases/node-1").await.err();
    assert!(matches!(exact, Some(ReadError::Compacted { .. })), "{exact:?}");
    let mut watch = store.watch(oldest, Filter::prefix(SHORT)).unwrap();
    let beats = until(&mut watch, last).await;
    let changes = states.windows(2).filter(|pair| pair[1].revision() > oldest);
    let expected = changes.filter(|pair| !pair[0].range(SHORT, None).eq(pair[1].range(SHORT, None)));
    assert_eq!(beats.len(), expected.count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_leave_the_disk_and_the_rest_stays() {
    let place = Directory::new();
    let store = place.open_with(options(Duration::from_secs(3600))).await;
    let start = store.snapshot().revision();
    let states = busy(&store).await;
    let last = states.last().unwrap().revision();
    let mut watch = store.watch(start, Filter::prefix("pods/")).unwrap();
    let expected = place.describe(&until(&mut watch, last).await, start);
    let before = log_bytes(&place);
    store.close().await;

    let store = place.open_with(options(Duration::ZERO)).await;
    until_left_out(&store, Revision(last.0 / 2)).await;
    let present = contents(&store.snapshot());
    let oldest = store.oldest_of(SHORT);
    store.close().await;
    assert!(log_bytes(&place) < before * 3 / 4, "{} of {before} bytes", log_bytes(&place));

    // What was left out is so after a restart, whatever the limits are by then.
    for _ in 0..2 {
        let store = Store::open(&StoreUrl::File(place.path()), Options::default()).await.expect("open");
        assert_eq!(contents(&store.snapshot()), present);
        assert!(store.oldest_of(SHORT) >= oldest);
        check(&place, &store, start, &states, &expected).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_meanwhile_sees_all_or_is_cut_off() {
    let place = Directory::new();
    let store = place.open_with(options(Duration::ZERO)).await;
    let start = store.snapshot().revision();
    let mut watches: Vec<_> = ["pods/", SHORT].map(|prefix| store.watch(start, Filter::prefix(prefix)).unwrap()).into();
    let states = busy(&store).await;
    let last = states.last().unwrap().revision();
    let thinning = until_left_out(&store, Revision(last.0 / 2));
    let reading = async {
        let (mut beats, mut pods) = (watches.remove(1), watches.remove(0));
        assert_eq!(until(&mut pods, last).await.len(), 60);
        let mut seen = 0;
        while beats.progress() < last {
            match within("a heartbeat", beats.next()).await {
                Ok(batch) => seen += batch.events.len(),
                Err(end) => {
                    assert!(matches!(end, timonier_store::WatchEnd::Lagged { .. }), "{end}");
                    return;
                }
            }
        }
        assert_eq!(seen, 180);
    };
    tokio::join!(thinning, reading);
}
