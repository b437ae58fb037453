//! Writing, and reading the present.

use std::sync::atomic::{AtomicUsize, Ordering};

use timonier_store::{CommitError, Condition, Key, ReadError, Revision, Txn};

use super::place::Place;
use super::{churn, delete, put, put_tagged, write};

pub async fn an_empty_store_is_at_a_revision_above_zero(place: &impl Place) {
    let store = place.open().await;
    assert!(store.snapshot().revision() > Revision(0));
    assert_eq!(store.snapshot().len(), 0);
    assert!(store.oldest() <= store.snapshot().revision());
}

pub async fn each_commit_takes_one_later_revision(place: &impl Place) {
    let store = place.open().await;
    let mut last = store.snapshot().revision();
    for i in 0..5 {
        let ops = vec![put("a", &i.to_string()), put(&format!("b{i}"), "x")];
        let revision = write(&store, ops).await;
        assert!(revision > last);
        assert_eq!(store.snapshot().get("a").unwrap().revision, revision);
        last = revision;
    }
}

pub async fn an_entry_remembers_its_creation_and_its_last_write(place: &impl Place) {
    let store = place.open().await;
    let created = write(&store, vec![put_tagged("a", "1", Some("n1"))]).await;
    let updated = write(&store, vec![put_tagged("a", "2", Some("n2"))]).await;
    let snapshot = store.snapshot();
    let entry = snapshot.get("a").unwrap();
    assert_eq!((entry.created, entry.revision), (created, updated));
    assert_eq!(entry.tag.as_deref(), Some("n2"));
    assert_eq!(&entry.value.to_bytes()[..], b"2");

    write(&store, vec![delete("a")]).await;
    assert!(store.snapshot().get("a").is_none());
    let again = write(&store, vec![put("a", "3")]).await;
    let snapshot = store.snapshot();
    let entry = snapshot.get("a").unwrap();
    assert_eq!((entry.created, entry.revision), (again, again));
    assert_eq!(entry.tag, None);
}

pub async fn a_transaction_is_all_or_nothing(place: &impl Place) {
    let store = place.open().await;
    let at = write(&store, vec![put("a", "1"), put("b", "1")]).await;
    let txn = |revision| Txn {
        conditions: vec![
            Condition::At(Key::new("a"), at),
            Condition::At(Key::new("b"), revision),
            Condition::Absent(Key::new("c")),
        ],
        ops: vec![put("a", "2"), delete("b"), put("c", "1")],
    };
    let refused = store.commit(txn(Revision(at.0 + 1))).await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })));
    assert_eq!(store.snapshot().revision(), at);

    let done = store.commit(txn(at)).await.unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.get("a").unwrap().revision, done);
    assert_eq!(snapshot.get("c").unwrap().revision, done);
    assert!(snapshot.get("b").is_none());
}

pub async fn a_conflict_carries_the_current_entry(place: &impl Place) {
    let store = place.open().await;
    let at = write(&store, vec![put_tagged("a", "now", Some("t"))]).await;
    match store.commit(Txn::create(Key::new("a"), "x".into(), None)).await {
        Err(CommitError::Conflict { key, current }) => {
            let current = current.expect("the entry that is in the way");
            assert_eq!(key, Key::new("a"));
            assert_eq!((current.revision, &current.value.to_bytes()[..]), (at, &b"now"[..]));
            assert_eq!(current.tag.as_deref(), Some("t"));
        }
        other => panic!("{other:?}"),
    }
    let absent = Txn::delete(Key::new("nothing"), at);
    match store.commit(absent).await {
        Err(CommitError::Conflict { key, current }) => {
            assert_eq!((&*key, current), ("nothing", None));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_transaction_that_changes_nothing_takes_no_revision(place: &impl Place) {
    let store = place.open().await;
    let at = write(&store, vec![put("a", "1")]).await;
    assert_eq!(write(&store, vec![delete("b")]).await, at);
    assert_eq!(write(&store, vec![]).await, at);
    assert_eq!(store.snapshot().revision(), at);
}

pub async fn a_key_may_occur_once(place: &impl Place) {
    let store = place.open().await;
    let txn = Txn { conditions: vec![], ops: vec![put("a", "1"), delete("a")] };
    assert!(matches!(store.commit(txn).await, Err(CommitError::Invalid(_))));
    let empty = Txn::create(Key::new(""), "x".into(), None);
    assert!(matches!(store.commit(empty).await, Err(CommitError::Invalid(_))));
}

pub async fn a_transaction_beyond_the_limit_is_refused(place: &impl Place) {
    let mut options = place.options();
    options.txn_bytes = 1000;
    let store = place.open_with(options).await;
    let txn = |size: usize| Txn::create(Key::new("a"), "x".repeat(size).into(), None);
    match store.commit(txn(1000)).await {
        Err(CommitError::TooLarge { limit, size, .. }) => assert!(size > limit),
        other => panic!("{other:?}"),
    }
    store.commit(txn(900)).await.unwrap();
}

pub async fn a_snapshot_never_changes(place: &impl Place) {
    let store = place.open().await;
    let at = write(&store, vec![put("a", "1"), put("b", "1")]).await;
    let before = store.snapshot();
    write(&store, vec![put("a", "2"), delete("b"), put("c", "1")]).await;
    assert_eq!(before.revision(), at);
    assert_eq!(&before.get("a").unwrap().value.to_bytes()[..], b"1");
    assert_eq!(before.range("", None).count(), 2);
}

pub async fn a_range_is_in_key_order_and_continues_after_a_key(place: &impl Place) {
    let store = place.open().await;
    let keys = ["pod/x", "pods/a/1", "pods/a/2", "pods/b/1", "pods0", "secrets/a/1"];
    write(&store, keys.iter().rev().map(|key| put(key, "x")).collect()).await;
    let snapshot = store.snapshot();
    let range = |prefix: &str, after: Option<&str>| -> Vec<String> {
        let after = after.map(Key::new);
        let found = snapshot.range(prefix, after.as_ref());
        found.map(|entry| entry.key.to_string()).collect()
    };
    assert_eq!(range("", None), keys);
    assert_eq!(range("pods/", None), &keys[1..4]);
    assert_eq!(range("pods/a/", None), &keys[1..3]);
    assert_eq!(range("pods/", Some("pods/a/1")), &keys[2..4]);
    assert_eq!(range("pods/", Some("pods/a/15")), &keys[2..4]);
    assert_eq!(range("pods/", Some("a")), &keys[1..4]);
    assert_eq!(range("pods/", Some("z")), &keys[..0]);
    assert_eq!(snapshot.count("pods/"), 3);
    assert_eq!(snapshot.count(""), 6);
}

pub async fn a_commit_is_in_the_next_snapshot(place: &impl Place) {
    let store = place.open().await;
    for i in 0..50 {
        let value = i.to_string();
        let revision = write(&store, vec![put("a", &value)]).await;
        let snapshot = store.snapshot();
        assert!(snapshot.revision() >= revision);
        assert_eq!(&snapshot.get("a").unwrap().value.to_bytes()[..], value.as_bytes());
    }
}

pub async fn a_fresh_snapshot_contains_what_was_acknowledged(place: &impl Place) {
    let store = place.open().await;
    let revision = churn(&store, "a", 5).await;
    let reads = (0..20).map(|_| store.fresh());
    for snapshot in futures::future::join_all(reads).await {
        assert!(snapshot.unwrap().revision() >= revision);
    }
}

pub async fn a_revision_that_does_not_come_is_in_the_future(place: &impl Place) {
    let store = place.open().await;
    let now = churn(&store, "a", 2).await;
    assert!(store.wait_for(now).await.is_ok());
    let never = Revision(now.0 + 1000);
    let waited = store.wait_for(never).await;
    assert!(matches!(waited, Err(ReadError::Future { .. })));
    assert!(matches!(store.at(never).await, Err(ReadError::Future { .. })));

    let waiting = store.wait_for(Revision(now.0 + 1));
    let (reached, _) = tokio::join!(waiting, write(&store, vec![put("a", "x")]));
    assert!(reached.unwrap().revision() > now);
}

pub async fn a_view_is_decoded_once(place: &impl Place) {
    let store = place.open().await;
    write(&store, vec![put("a", "42")]).await;
    let decoded = AtomicUsize::new(0);
    for _ in 0..3 {
        let snapshot = store.snapshot();
        let number = snapshot.get("a").unwrap().view(|entry| {
            decoded.fetch_add(1, Ordering::SeqCst);
            String::from_utf8_lossy(&entry.value.to_bytes()).parse::<u32>().unwrap()
        });
        assert_eq!(*number, 42);
    }
    assert_eq!(decoded.load(Ordering::SeqCst), 1);
}
