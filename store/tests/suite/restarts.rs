//! What is kept.

use timonier_store::Store;

use super::history::{contents, eventful, open_with_clock, until_told};
use super::place::Place;
use super::{churn, everything, put, put_tagged, until, write};

async fn reopen(place: &impl Place, store: Store) -> Store {
    store.close().await;
    place.open().await
}

pub async fn everything_is_there_after_a_restart(place: &impl Place) {
    let store = place.open().await;
    eventful(&store).await;
    write(&store, vec![put_tagged("t", "tagged", Some("tag"))]).await;
    let before = store.snapshot();
    let store = reopen(place, store).await;
    assert_eq!(contents(&store.snapshot()), contents(&before));
    assert!(store.snapshot().revision() >= before.revision());
    assert_eq!(store.snapshot().get("t").unwrap().tag.as_deref(), Some("tag"));
}

pub async fn revisions_only_grow_across_restarts(place: &impl Place) {
    let mut store = place.open().await;
    let mut last = store.snapshot().revision();
    for round in 0..4 {
        let revision = write(&store, vec![put("a", &round.to_string())]).await;
        assert!(revision > last);
        last = revision;
        store = reopen(place, store).await;
        assert!(store.snapshot().revision() >= last);
    }
}

pub async fn a_watch_resumes_after_a_restart(place: &impl Place) {
    let store = place.open().await;
    let start = store.snapshot().revision();
    let states = eventful(&store).await;
    let last = states.last().unwrap().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let before = until(&mut watch, last).await;
    drop(watch);
    let store = reopen(place, store).await;
    for state in &states {
        let after = state.revision();
        let mut watch = store.watch(after, everything()).unwrap();
        let events = until(&mut watch, last).await;
        let expected = before.iter().filter(|event| event.revision > after);
        let expected: Vec<_> = expected.cloned().collect();
        assert_eq!(place.describe(&events, start), place.describe(&expected, start));
        assert_eq!(events, expected);
    }
}

pub async fn the_past_is_known_after_a_restart(place: &impl Place) {
    let store = place.open().await;
    let states = eventful(&store).await;
    let store = reopen(place, store).await;
    churn(&store, "a", 5).await;
    for state in &states {
        let past = store.at(state.revision()).await.unwrap();
        assert_eq!(contents(&past), contents(state));
    }
}

pub async fn times_are_known_after_a_restart(place: &impl Place) {
    let store = open_with_clock(place).await;
    let revision = churn(&store, "a", 3).await;
    let then = until_told(&store, revision).await;
    let told = store.moment(then).unwrap();
    store.close().await;
    let store = open_with_clock(place).await;
    let last = churn(&store, "a", 3).await;
    assert_eq!(store.moment(then).unwrap(), told);
    until_told(&store, last).await;
    assert!(store.moment(std::time::SystemTime::now()).unwrap().revision >= last);
}

pub async fn a_watcher_behind_the_memory_reads_the_engine(place: &impl Place) {
    let mut options = place.options();
    options.tail_events = 3;
    let store = place.open_with(options).await;
    let start = store.snapshot().revision();
    let mut slow = store.watch(start, everything()).unwrap();
    let states = eventful(&store).await;
    let last = churn(&store, "a", 50).await;
    let mut seen = start;
    for event in until(&mut slow, last).await {
        assert!(event.revision >= seen && event.revision.0 <= seen.0 + place.stride());
        seen = event.revision;
    }
    assert_eq!(seen, last);
    for state in &states {
        let past = store.at(state.revision()).await.unwrap();
        assert_eq!(contents(&past), contents(state));
    }
}

pub async fn a_destroyed_store_is_gone(place: &impl Place) {
    let store = place.open().await;
    churn(&store, "a", 3).await;
    store.close().await;
    for _ in 0..2 {
        Store::destroy(&place.url()).await.expect("destroyed, or not there");
    }
    let store = place.open().await;
    assert!(store.snapshot().is_empty());
    write(&store, vec![put("a", "x")]).await;
}
