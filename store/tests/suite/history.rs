//! The past, and its end.

use std::time::{Duration, SystemTime};

use timonier_store::{Options, ReadError, Revision, Snapshot, WatchEnd};

use super::place::Place;
use super::{churn, delete, everything, put, until, within, write};

pub fn contents(snapshot: &Snapshot) -> Vec<String> {
    let entries = snapshot.range("", None);
    let line = |entry: &std::sync::Arc<timonier_store::Entry>| {
        let value = entry.value.to_bytes();
        let value = String::from_utf8_lossy(&value);
        format!("{}={value}@{}+{}", entry.key, entry.revision, entry.created)
    };
    entries.map(line).collect()
}

/// Writes this and that; returns what the store looked like after each step.
pub async fn eventful(store: &timonier_store::Store) -> Vec<Snapshot> {
    let mut states = vec![store.snapshot()];
    for i in 0..8 {
        let ops = match i % 4 {
            0 => vec![put("a", &format!("a{i}")), put(&format!("x{i}"), "x")],
            1 => vec![put("b", &format!("b{i}")), delete("a")],
            2 => vec![put("a", &format!("a{i}"))],
            _ => vec![delete(&format!("x{}", i - 3)), put("b", "same")],
        };
        write(store, ops).await;
        states.push(store.snapshot());
    }
    states
}

pub async fn the_past_is_as_it_was(place: &impl Place) {
    let store = place.open().await;
    let states = eventful(&store).await;
    for state in &states {
        let past = store.at(state.revision()).await.unwrap();
        assert_eq!(past.revision(), state.revision());
        assert_eq!(contents(&past), contents(state));
    }
}

pub async fn the_past_survives_many_changes(place: &impl Place) {
    let store = place.open().await;
    let states = eventful(&store).await;
    churn(&store, "a", 50).await;
    churn(&store, "c", 50).await;
    for state in &states {
        let past = store.at(state.revision()).await.unwrap();
        assert_eq!(contents(&past), contents(state));
    }
}

pub async fn before_the_oldest_revision_everything_is_compacted(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let middle = churn(&store, "a", 5).await;
    let state = store.snapshot();
    let last = churn(&store, "a", 5).await;
    store.compact(middle).await.unwrap();
    // An engine may have been asked by another server too, so `oldest` follows a moment later.
    let before = Revision(middle.0 - 1);
    assert_eq!(store.oldest(), middle);
    for gone in [start, before] {
        let at = store.at(gone).await;
        assert!(matches!(at, Err(ReadError::Compacted { oldest }) if oldest == middle));
        let watch = store.watch(gone, everything());
        assert!(matches!(watch, Err(ReadError::Compacted { oldest }) if oldest == middle));
    }
    let past = store.at(middle).await.unwrap();
    assert_eq!(contents(&past), contents(&state));
    let mut watch = store.watch(middle, everything()).unwrap();
    assert_eq!(until(&mut watch, last).await.len(), 5);
    let future = store.compact(Revision(last.0 + 100 * place.stride())).await;
    assert!(matches!(future, Err(ReadError::Future { .. })));
}

pub async fn a_watcher_overtaken_by_compaction_is_cut_off_or_sees_everything(place: &impl Place) {
    let mut options = place.options();
    options.tail_events = 4;
    let store = place.open_with(options).await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let last = churn(&store, "a", 20).await;
    store.compact(last).await.unwrap();
    // It asked for nothing yet, so nothing of it need be kept: but what it gets must be complete.
    let mut seen = start;
    while seen < last {
        match within("the watch", watch.next()).await {
            Ok(batch) => {
                for event in &batch.events {
                    let before = event.previous.as_ref().map_or(start, |entry| entry.revision);
                    assert_eq!(before, seen);
                    seen = event.revision;
                }
            }
            Err(WatchEnd::Lagged { oldest }) => {
                assert!(oldest > seen);
                return;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

pub async fn a_part_of_the_past_is_as_it_was(place: &impl Place) {
    let store = place.open().await;
    let states = eventful(&store).await;
    churn(&store, "c", 20).await;
    for prefix in ["a", "b", "x", "none"] {
        for state in &states {
            let past = store.at_prefix(state.revision(), prefix).await.unwrap();
            let part = |snapshot: &Snapshot| -> Vec<String> {
                contents(snapshot).into_iter().filter(|line| line.starts_with(prefix)).collect()
            };
            assert_eq!(part(&past), part(state), "{prefix}");
            assert_eq!(past.range(prefix, None).count(), part(state).len());
        }
    }
}

/// Waits until the store tells another time than before.
pub async fn until_told(store: &timonier_store::Store, revision: Revision) -> SystemTime {
    within("the time to be known", async {
        loop {
            if let Ok(moment) = store.moment(SystemTime::now())
                && moment.revision >= revision
            {
                return moment.time;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Times are known quickly.
pub async fn open_with_clock(place: &impl Place) -> timonier_store::Store {
    let etcd_clock = Duration::from_millis(20);
    place.open_with(Options { etcd_clock, ..place.options() }).await
}

pub async fn a_time_is_a_revision(place: &impl Place) {
    let store = open_with_clock(place).await;
    let first = churn(&store, "a", 3).await;
    let then = until_told(&store, first).await;
    let last = churn(&store, "a", 3).await;
    let now = until_told(&store, last).await;
    assert!(now >= then);
    let moment = store.moment(now).unwrap();
    assert!(moment.revision >= last && moment.time <= now);
    if now > then {
        let moment = store.moment(then).unwrap();
        assert!(moment.revision >= first && moment.time <= then, "{moment:?} {then:?}");
        assert!(moment.revision <= store.moment(now).unwrap().revision);
    }
    let long_ago = store.moment(SystemTime::UNIX_EPOCH);
    assert!(matches!(long_ago, Err(ReadError::TooEarly { first }) if first.time <= then), "{long_ago:?}");
}
