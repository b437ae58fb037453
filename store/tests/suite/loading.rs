//! Filling a place with what another store held.

use timonier_store::{
    Load, LoadError, OpenError, Options, ReadError, Revision, Snapshot, Store, StoreUrl, Value, exists, load,
};

use super::history::eventful;
use super::place::Place;
use super::{churn, everything, put, put_tagged, until, write};

const RAISE: u64 = 1000;

/// Something to fill a place with: more than fits into one transaction of etcd's.
async fn content() -> Snapshot {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.unwrap();
    eventful(&store).await;
    write(&store, vec![put_tagged("tagged", "value", Some("tag"))]).await;
    for i in 0..5 {
        let ops = (0..100).map(|j| put(&format!("many/{i}/{j}"), &"x".repeat(i * 4000)));
        write(&store, ops.collect()).await;
    }
    store.snapshot()
}

async fn fill(place: &impl Place, content: &Snapshot, replace: bool) -> Result<Revision, LoadError> {
    load(&place.url(), place.options(), content, Load { raise: RAISE, replace }, &|_| ()).await
}

type Held<'a> = (&'a str, &'a Value, Option<&'a str>);

fn held(snapshot: &Snapshot) -> Vec<Held<'_>> {
    snapshot.range("", None).map(|entry| (&*entry.key, &entry.value, entry.tag.as_deref())).collect()
}

pub async fn a_filled_place_holds_what_it_was_given(place: &impl Place) {
    let content = content().await;
    assert!(!exists(&place.url(), &place.options()).await.unwrap());
    let revision = fill(place, &content, false).await.unwrap();
    assert!(exists(&place.url(), &place.options()).await.unwrap());
    for _ in 0..2 {
        let store = place.open().await;
        assert_eq!(held(&store.snapshot()), held(&content));
        assert!(store.snapshot().revision() >= revision && revision.0 >= content.revision().0 + RAISE);
        store.close().await;
    }
}

pub async fn what_a_filled_place_is_told_later_is_kept_and_seen(place: &impl Place) {
    let content = content().await;
    let revision = fill(place, &content, false).await.unwrap();
    let store = place.open().await;
    let mut watch = store.watch(store.snapshot().revision(), everything()).unwrap();
    let last = churn(&store, "later", 5).await;
    assert!(last > revision);
    assert_eq!(until(&mut watch, last).await.len(), 5);
    store.close().await;
    let store = place.open().await;
    assert_eq!(&store.snapshot().get("later").unwrap().value.to_bytes()[..], b"value 4");
    assert_eq!(store.snapshot().len(), content.len() + 1);
}

pub async fn every_revision_from_before_is_compacted(place: &impl Place) {
    let store = place.open().await;
    let last = churn(&store, "old", 20).await;
    store.close().await;
    let content = content().await;
    let revision = fill(place, &content, true).await.unwrap();
    assert!(revision.0 >= last.0.max(content.revision().0) + RAISE);
    let store = place.open().await;
    for old in [1, content.revision().0, last.0, last.0.max(content.revision().0) + RAISE - 1] {
        let watch = store.watch(Revision(old), everything());
        assert!(matches!(watch, Err(ReadError::Compacted { .. })), "a watch after {old}");
        assert!(matches!(store.at(Revision(old)).await, Err(ReadError::Compacted { .. })), "the state at {old}");
    }
    assert!(store.snapshot().get("old").is_none(), "nothing stays of what was there");
}

pub async fn a_place_that_holds_something_is_left_alone(place: &impl Place) {
    let store = place.open().await;
    churn(&store, "a", 3).await;
    store.close().await;
    let refused = fill(place, &content().await, false).await;
    assert!(matches!(refused, Err(LoadError::NotEmpty { .. })), "{refused:?}");
    assert_eq!(&place.open().await.snapshot().get("a").unwrap().value.to_bytes()[..], b"value 2");
}

pub async fn a_place_in_use_is_left_alone(place: &impl Place) {
    let store = place.open().await;
    churn(&store, "a", 3).await;
    let refused = fill(place, &content().await, true).await.unwrap_err();
    let busy = matches!(refused, LoadError::InUse { .. } | LoadError::Open(OpenError::Locked { .. }));
    assert!(busy, "{refused}");
    churn(&store, "a", 5).await;
    assert_eq!(store.snapshot().len(), 1);
    store.close().await;
    fill(place, &content().await, true).await.unwrap();
}
