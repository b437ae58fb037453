//! Following the store.

use timonier_store::{Filter, ReadError, Revision, WatchEnd};

use super::place::Place;
use super::{churn, delete, everything, next, put, put_tagged, until, within, write};

pub async fn a_watch_delivers_every_event_in_order_with_previous_values(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    write(&store, vec![put("a", "1")]).await;
    write(&store, vec![put("a", "2")]).await;
    write(&store, vec![delete("a")]).await;
    let last = write(&store, vec![put("a", "3")]).await;
    let events = until(&mut watch, last).await;
    assert_eq!(place.describe(&events, start), ["+1 a: - -> 1", "+2 a: 1 -> 2", "+3 a: 2 -> -", "+4 a: - -> 3"]);
}

pub async fn a_watch_starts_at_any_revision(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut written = vec![start];
    for _ in 0..6 {
        written.push(churn(&store, "a", 1).await);
    }
    let last = written[6];
    for (number, after) in written.iter().enumerate() {
        let mut watch = store.watch(*after, everything()).unwrap();
        let events = until(&mut watch, last).await;
        let revisions: Vec<Revision> = events.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, written[number + 1..]);
        let previous: Vec<Revision> = events.iter().filter_map(|e| e.previous.as_ref().map(|e| e.revision)).collect();
        assert_eq!(previous, written[number.max(1)..written.len() - 1]);
    }
}

pub async fn a_watch_from_the_future_is_refused(place: &impl Place) {
    let store = place.open().await;
    let now = store.snapshot().revision();
    let refused = store.watch(Revision(now.0 + 1), everything());
    assert!(matches!(refused, Err(ReadError::Future { current }) if current == now));
}

pub async fn the_events_of_one_transaction_come_together(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let revision = write(&store, (0..20).map(|i| put(&format!("k{i}"), "x")).collect()).await;
    let batch = next(&mut watch).await;
    assert_eq!(batch.events.len(), 20);
    assert!(batch.events.iter().all(|event| event.revision == revision));
    assert_eq!(batch.through, revision);
}

pub async fn a_filter_by_prefix_sees_nothing_else(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watches = Vec::new();
    for prefix in ["pods/", "pods/a/", "pods/a/w", ""] {
        watches.push(store.watch(start, Filter::prefix(prefix)).unwrap());
    }
    for key in ["pods/a/web", "pods/a/db", "pods/b/web", "podsy/a/web", "pods"] {
        write(&store, vec![put(key, "x")]).await;
    }
    let last = store.snapshot().revision();
    let mut counts = Vec::new();
    for watch in &mut watches {
        counts.push(until(watch, last).await.len());
    }
    assert_eq!(counts, [3, 2, 1, 5]);
}

pub async fn a_filter_by_key_sees_nothing_else(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, Filter::exact("pods/a/web")).unwrap();
    for key in ["pods/a/web-1", "pods/a/we", "pods/a/web", "pods/a/web/x"] {
        write(&store, vec![put(key, "x")]).await;
    }
    let last = write(&store, vec![delete("pods/a/web")]).await;
    let events = until(&mut watch, last).await;
    assert_eq!(place.describe(&events, start), ["+3 pods/a/web: - -> x", "+5 pods/a/web: x -> -"]);
}

pub async fn a_filter_by_tag_sees_entries_come_and_leave(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let filter = Filter::prefix("pods/").tagged("n1");
    let mut watch = store.watch(start, filter.clone()).unwrap();
    write(&store, vec![put("pods/a", "new")]).await;
    write(&store, vec![put_tagged("pods/a", "on n1", Some("n1"))]).await;
    write(&store, vec![put_tagged("pods/b", "elsewhere", Some("n2"))]).await;
    write(&store, vec![put_tagged("secrets/a", "not a pod", Some("n1"))]).await;
    write(&store, vec![put_tagged("pods/a", "still", Some("n1"))]).await;
    write(&store, vec![put_tagged("pods/a", "moved", Some("n2"))]).await;
    write(&store, vec![put_tagged("pods/a", "back", Some("n1"))]).await;
    let last = write(&store, vec![delete("pods/a")]).await;
    let expected = [
        "+2 pods/a: new -> on n1",
        "+5 pods/a: on n1 -> still",
        "+6 pods/a: still -> moved",
        "+7 pods/a: moved -> back",
        "+8 pods/a: back -> -",
    ];
    assert_eq!(place.describe(&until(&mut watch, last).await, start), expected);
    // The same when the events are read from the past.
    let mut later = store.watch(start, filter).unwrap();
    assert_eq!(place.describe(&until(&mut later, last).await, start), expected);
}

pub async fn progress_includes_revisions_that_do_not_match(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, Filter::prefix("a/")).unwrap();
    let last = churn(&store, "b/1", 3).await;
    assert_eq!(watch.progress(), last);
    let matching = write(&store, vec![put("a/1", "x")]).await;
    assert_eq!(watch.progress(), last.min(watch.progress()), "not yet delivered");
    assert_eq!(next(&mut watch).await.through, matching);
    assert_eq!(watch.progress(), matching);
}

pub async fn a_slow_watcher_takes_all_that_waits_in_one_batch(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let last = churn(&store, "a", 100).await;
    let batch = next(&mut watch).await;
    assert_eq!(batch.events.len(), 100);
    assert_eq!(batch.through, last);
}

pub async fn a_cancelled_wait_loses_nothing(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move { churn(&store, "a", 100).await })
    };
    let mut revisions = Vec::new();
    while revisions.len() < 100 {
        // Polled once, and dropped when it has to wait.
        match futures::FutureExt::now_or_never(watch.next()) {
            Some(batch) => revisions.extend(batch.unwrap().events.iter().map(|e| e.revision.0)),
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(revisions.last(), Some(&writer.await.unwrap().0));
    assert!(revisions.is_sorted_by(|a, b| a < b));
}

pub async fn an_event_is_never_ahead_of_the_snapshot(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move { churn(&store, "a", 200).await })
    };
    let mut seen = 0;
    while seen < 200 {
        let batch = next(&mut watch).await;
        assert!(store.snapshot().revision() >= batch.through);
        seen += batch.events.len();
    }
    writer.await.unwrap();
}

pub async fn closing_the_store_ends_its_watches(place: &impl Place) {
    let store = place.open().await;
    let mut watch = store.watch(store.snapshot().revision(), everything()).unwrap();
    let other = store.clone();
    let waiting = tokio::spawn(async move { watch.next().await });
    store.close().await;
    let end = within("the watch's end", waiting).await.unwrap();
    assert!(matches!(end, Err(WatchEnd::Closed)));
    let late = other.commit(timonier_store::Txn::create("a".into(), "x".into(), None));
    assert!(within("a late commit", late).await.is_err());
}
