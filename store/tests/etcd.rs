//! The store's laws, on a real etcd; and what is special there.

mod suite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use suite::etcd::{Etcd, STRIDE};
use suite::history::{contents, eventful, until_told};
use suite::place::Place;
use suite::{churn, everything, put, until, within, write};
use timonier_store::{
    CommitError, Condition, Entry, Event, Filter, Key, Op, OpenError, Options, ReadError, Revision, Store, StoreUrl,
    Txn, WatchEnd,
};

laws_of_every_engine!(Etcd::start());
laws_of_durable_engines!(Etcd::start());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_etcd_see_each_others_writes() {
    let etcd = Etcd::start();
    let (one, two) = (etcd.open().await, etcd.open().await);
    let start = two.snapshot().revision();
    let mut watch = two.watch(start, everything()).unwrap();
    let last = churn(&one, "a", 10).await;
    assert!(two.fresh().await.unwrap().revision() >= last);
    assert_eq!(until(&mut watch, last).await.len(), 10);

    // Both write the same key under the same condition: one of them wins.
    let snapshot = two.wait_for(last).await.unwrap();
    let at = snapshot.get("a").unwrap().revision;
    let update = |value: &'static str| Txn::update(Key::new("a"), at, value.into(), None);
    let (first, second) = tokio::join!(one.commit(update("1")), two.commit(update("2")));
    let (won, lost) = match (first, second) {
        (Ok(revision), Err(lost)) | (Err(lost), Ok(revision)) => (revision, lost),
        both => panic!("{both:?}"),
    };
    match lost {
        CommitError::Conflict { current, .. } => assert_eq!(current.unwrap().revision, won),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_others_are_skipped_but_their_revisions_count() {
    let etcd = Etcd::start();
    let store = etcd.open().await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let mut client = etcd.client().await;
    for i in 0..5 {
        let key = ["/timonier/tes", "/timonier/test2/data/a", "/registry/x"][i % 3];
        client.put(key, "foreign", None).await.unwrap();
    }
    let foreign = store.fresh().await.unwrap();
    assert_eq!(foreign.revision().0 / STRIDE, start.0 / STRIDE + 5);
    assert_eq!(foreign.len(), 0);
    assert_eq!(watch.progress(), foreign.revision());
    let own = write(&store, vec![put("a", "x")]).await;
    assert_eq!(own.0 / STRIDE, start.0 / STRIDE + 6);
    assert_eq!(until(&mut watch, own).await.len(), 1);
    assert_eq!(store.at(Revision(start.0 + 3 * STRIDE)).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_on_when_etcd_comes_back() {
    let mut etcd = Etcd::start();
    let mut options = etcd.options();
    options.etcd_timeout = Duration::from_secs(2);
    let store = etcd.open_with(options).await;
    let start = churn(&store, "a", 3).await;
    let mut watch = store.watch(start, everything()).unwrap();
    etcd.kill();
    within("the loss to be noticed", async {
        while store.fresh().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // What is known is still served; what is not sent is not unknown.
    assert_eq!(store.snapshot().revision(), start);
    let refused = store.commit(Txn::create(Key::new("b"), "x".into(), None)).await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    etcd.resume();
    within("etcd to be back", async {
        while store.fresh().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let last = churn(&store, "a", 3).await;
    let events = until(&mut watch, last).await;
    assert_eq!(events.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_member_among_the_endpoints_is_passed_over() {
    let etcd = Etcd::start();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = vec![dead.local_addr().unwrap().to_string(), etcd.endpoint()];
    drop(dead);
    let url = StoreUrl::Etcd { endpoints, cluster: "test".to_owned(), tls: false };
    let store = Store::open(&url, etcd.options()).await.unwrap();
    churn(&store, "a", 20).await;
    store.fresh().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_missed_compacted_history_starts_over() {
    let mut etcd = Etcd::start();
    let store = etcd.open().await;
    let start = churn(&store, "a", 3).await;
    let mut watch = store.watch(start, everything()).unwrap();
    // While this server is cut off, others write and compact. The gap is made by a tool that
    // talks to etcd before the store has reconnected: it retries at most every other second.
    etcd.kill();
    etcd.resume();
    let mut client = etcd.client().await;
    let written = within("etcd to take writes", async {
        loop {
            if let Ok(answer) = client.put("/other", "x", None).await {
                return answer.header().unwrap().revision();
            }
        }
    })
    .await;
    let mut last = written;
    for _ in 0..20 {
        last = client.put("/other", "y", None).await.unwrap().header().unwrap().revision();
    }
    client.compact(last, None).await.unwrap();
    let current = within("the store", store.fresh()).await;
    let current = match current {
        Ok(snapshot) => snapshot.revision(),
        Err(_) => {
            within("the store", async {
                loop {
                    if let Ok(snapshot) = store.fresh().await {
                        return snapshot.revision();
                    }
                }
            })
            .await
        }
    };
    assert!(current.0 / STRIDE >= last as u64);
    assert_eq!(&store.snapshot().get("a").unwrap().value.to_bytes()[..], b"value 2");
    // Either the watch arrived in time to see it all, or whoever watches must list again.
    if store.oldest() > start {
        let end = within("the watch's end", watch.next()).await;
        assert!(matches!(end, Err(WatchEnd::Lagged { .. })), "{end:?}");
    }
    let last = churn(&store, "a", 1).await;
    assert_eq!(store.snapshot().revision(), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_others_compacted_is_compacted_here() {
    let etcd = Etcd::start();
    let mut options = etcd.options();
    options.tail_events = 2;
    let (one, two) = (etcd.open_with(options.clone()).await, etcd.open_with(options).await);
    let start = one.snapshot().revision();
    let last = churn(&one, "a", 10).await;
    one.compact(last).await.unwrap();
    two.fresh().await.unwrap();
    assert_eq!(two.oldest(), last);
    assert!(matches!(two.watch(start, everything()), Err(ReadError::Compacted { .. })));
    // And by a stranger, without a word.
    let later = churn(&one, "a", 10).await;
    let mut watch = two.watch(last, everything()).unwrap();
    etcd.client().await.compact((later.0 / STRIDE) as i64, None).await.unwrap();
    two.wait_for(later).await.unwrap();
    let end = within("the watch's end", async {
        loop {
            if let Err(end) = watch.next().await {
                return end;
            }
        }
    })
    .await;
    assert!(matches!(end, WatchEnd::Lagged { oldest } if oldest == later), "{end:?}");
    assert_eq!(two.oldest(), later);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_came_later_knows_the_past_and_its_times() {
    let etcd = Etcd::start();
    let options = Options { etcd_clock: Duration::from_millis(20), tail_events: 4, ..etcd.options() };
    let one = etcd.open_with(options.clone()).await;
    let states = eventful(&one).await;
    let then = until_told(&one, states.last().unwrap().revision()).await;
    churn(&one, "c", 20).await;
    let two = etcd.open_with(options).await;
    for state in &states {
        let past = two.at(state.revision()).await.unwrap();
        assert_eq!(contents(&past), contents(state));
    }
    assert_eq!(two.moment(then).unwrap(), one.moment(then).unwrap());
    // Both follow one clock, whoever puts it.
    let last = churn(&two, "c", 1).await;
    until_told(&one, last).await;
    until_told(&two, last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_compacts_what_left_the_window() {
    let etcd = Etcd::start();
    let mut options = etcd.options();
    options.window = Duration::from_millis(200);
    let (one, two) = (etcd.open_with(options.clone()).await, etcd.open_with(options).await);
    let written = churn(&one, "a", 10).await;
    within("compaction", async {
        while one.oldest() < written || two.oldest() < written {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(&one.snapshot().get("a").unwrap().value.to_bytes()[..], b"value 9");
    let mut client = etcd.client().await;
    let holder = client.get("/timonier/test/meta/compactor", None).await.unwrap();
    assert_eq!(holder.kvs().len(), 1);
    // A server that starts now knows where history begins.
    let three = etcd.open().await;
    assert!(three.oldest() >= written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_beyond_the_limits_of_etcd_is_too_large() {
    let etcd = Etcd::start();
    let store = etcd.open().await;
    let ops = |n: usize| Txn { conditions: vec![], ops: (0..n).map(|i| put(&format!("k{i}"), "x")).collect() };
    let many = store.commit(ops(129)).await;
    assert!(matches!(many, Err(CommitError::TooLarge { size: 129, limit: 128, .. })));
    store.commit(ops(128)).await.unwrap();
    let value = |size: usize| Txn::create(Key::new("big"), vec![b'x'; size].into(), None);
    let big = store.commit(value(1600 << 10)).await;
    assert!(matches!(big, Err(CommitError::TooLarge { .. })), "{big:?}");
    store.commit(value(1500 << 10)).await.unwrap();

    let strict = Etcd::start_with(&["--max-request-bytes", "10000"]);
    let store = strict.open().await;
    let big = store.commit(value(20_000)).await;
    assert!(matches!(big, Err(CommitError::TooLarge { .. })), "{big:?}");
}

/// Many transactions at once on keys of `round`: some create, some delete what is there, some do both, some find that
/// somebody was faster.
async fn crowd(store: &Store, round: usize) -> Vec<Revision> {
    let key = |n: usize| Key::new(format!("crowd/{round}/{n:02}"));
    let there = (0..20).map(|n| put(&key(n), "there")).collect();
    let at = write(store, there).await;
    let txns = (0..60).map(|n| match n {
        0..10 => Txn::delete(key(n), at),
        10..20 => Txn {
            conditions: vec![Condition::At(key(n), at)],
            ops: vec![put(&format!("beside/{round}/{n}"), "x"), Op::Delete { key: key(n) }],
        },
        20..30 => Txn::create(key(n - 20), "too late, or after its deletion".into(), None),
        30..40 => Txn::update(key(n), at, "never".into(), None),
        _ => Txn::create(key(n), format!("{n}").into(), Some("tag".into())),
    });
    let mut done = vec![at];
    for (n, outcome) in futures::future::join_all(txns.map(|txn| store.commit(txn))).await.into_iter().enumerate() {
        match outcome {
            Ok(revision) => done.push(revision),
            Err(CommitError::Conflict { .. }) => assert!((20..40).contains(&n), "{n}"),
            Err(other) => panic!("{other}"),
        }
    }
    done.sort();
    done
}

/// Whether some of these share one of etcd's revisions.
fn some_share(revisions: &[Revision]) -> bool {
    revisions.windows(2).any(|pair| pair[0].0 / STRIDE == pair[1].0 / STRIDE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_together_has_its_own_conditions_and_revisions() {
    let etcd = Etcd::start();
    let (one, two) = (etcd.open().await, etcd.open_with(Options { tail_events: 2, ..etcd.options() }).await);
    let start = one.snapshot().revision();
    let mut written = Vec::new();
    while !some_share(&written) {
        written.extend(crowd(&one, written.len()).await);
    }
    let last = *written.last().unwrap();
    assert!(written.is_sorted_by(|a, b| a < b), "{written:?}");
    let events = until(&mut one.watch(start, everything()).unwrap(), last).await;
    let mut seen: Vec<Revision> = events.iter().map(|event| event.revision).collect();
    seen.dedup();
    assert_eq!(seen, written);
    // Another server sees the same, also one that has to read the past, from any revision on.
    let mut after = vec![start];
    after.extend(written.iter().step_by(7));
    two.wait_for(last).await.unwrap();
    for after in after {
        let expected: Vec<_> = events.iter().filter(|event| event.revision > after).cloned().collect();
        let read = until(&mut two.watch(after, everything()).unwrap(), last).await;
        assert_eq!(read, expected, "after {after}");
        let mut state = one.at(start).await.unwrap().range("", None).cloned().map(|e| (e.key.clone(), e)).collect();
        replay(&mut state, events.iter().filter(|event| event.revision <= after));
        let past = two.at(after).await.unwrap();
        assert_eq!(past.range("", None).cloned().collect::<Vec<_>>(), state.into_values().collect::<Vec<_>>());
    }
    // One that starts now loads what the others have come to.
    let three = etcd.open().await;
    let entries = |store: &Store| store.snapshot().range("", None).cloned().collect::<Vec<_>>();
    assert_eq!(entries(&three), entries(&one));
    assert_eq!(entries(&two), entries(&one));
    // A condition means a revision, not all that share one of etcd's.
    let entry = entries(&one).into_iter().find(|entry| entry.revision.0 % STRIDE > 0).unwrap();
    let wrong = Txn::update(entry.key.clone(), Revision(entry.revision.0 - 1), "x".into(), None);
    assert!(matches!(one.commit(wrong).await, Err(CommitError::Conflict { current: Some(_), .. })));
    one.commit(Txn::update(entry.key.clone(), entry.revision, "x".into(), None)).await.unwrap();
}

fn replay<'a>(state: &mut BTreeMap<Key, Arc<Entry>>, events: impl Iterator<Item = &'a Arc<Event>>) {
    for event in events {
        match &event.current {
            Some(entry) => state.insert(event.key.clone(), entry.clone()),
            None => state.remove(&event.key),
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stopped_between_two_that_share_a_compacted_revision_is_refused() {
    let etcd = Etcd::start();
    let store = etcd.open_with(Options { tail_events: 2, ..etcd.options() }).await;
    let mut written = Vec::new();
    while !some_share(&written) {
        written = crowd(&store, written.len()).await;
    }
    let shared = written.windows(2).find(|pair| some_share(pair)).unwrap()[0];
    churn(&store, "a", 5).await;
    // By a stranger, without a word.
    etcd.client().await.compact((shared.0 / STRIDE) as i64, None).await.unwrap();
    let mut watch = store.watch(shared, everything()).unwrap();
    let end = within("the watch's end", watch.next()).await;
    assert!(matches!(end, Err(WatchEnd::Lagged { oldest }) if oldest > shared), "{end:?}");
    assert!(matches!(store.watch(shared, everything()), Err(ReadError::Compacted { .. })));
    store.watch(store.snapshot().revision(), everything()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_that_takes_less_at_once_gets_less_at_once() {
    for limit in [["--max-txn-ops", "10"], ["--max-request-bytes", "3000"]] {
        let etcd = Etcd::start_with(&limit);
        let store = etcd.open().await;
        let start = store.snapshot().revision();
        let creates =
            (0..200).map(|n| store.commit(Txn::create(Key::new(format!("k{n}")), "x".repeat(100).into(), None)));
        let mut written: Vec<Revision> =
            futures::future::join_all(creates).await.into_iter().map(|done| done.unwrap()).collect();
        written.sort();
        let events = until(&mut store.watch(start, everything()).unwrap(), written[199]).await;
        assert_eq!(events.iter().map(|event| event.revision).collect::<Vec<_>>(), written);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_a_store_finishes_what_it_was_given() {
    let etcd = Etcd::start();
    let store = etcd.open().await;
    let given = (0..500).map(|n| {
        tokio::spawn({
            let store = store.clone();
            async move { store.commit(Txn::create(Key::new(format!("k{n}")), "x".into(), None)).await }
        })
    });
    let given: Vec<_> = given.collect();
    until_some(&store, 1).await;
    store.close().await;
    let mut done = 0;
    for commit in given {
        match commit.await.unwrap() {
            Ok(_) => done += 1,
            Err(CommitError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(etcd.open().await.snapshot().len(), done);
}

async fn until_some(store: &Store, entries: usize) {
    within("entries", async {
        while store.snapshot().len() < entries {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_values_are_loaded_and_watched() {
    let etcd = Etcd::start();
    let store = etcd.open().await;
    let start = store.snapshot().revision();
    let mut last = start;
    let value = "x".repeat(500_000);
    for i in 0..20 {
        last = write(&store, vec![put(&format!("k{i:02}"), &value)]).await;
    }
    let other = etcd.open().await;
    assert_eq!(other.snapshot().len(), 20);
    let mut watch = other.watch(start, Filter::prefix("k")).unwrap();
    assert_eq!(until(&mut watch, last).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_format_or_no_etcd_is_refused_by_name() {
    let etcd = Etcd::start();
    etcd.open().await.close().await;
    let mut client = etcd.client().await;
    let key = "/timonier/test/meta/format";
    client.put(key, "format 7\nwriter 9.0.0\nbase 0\n", None).await.unwrap();
    let error = Store::open(&etcd.url(), Options::default()).await.err().unwrap();
    assert!(matches!(error, OpenError::NewerFormat { found: 7, .. }), "{error}");

    client.put(key, "format 1\nwriter 0.1.0\nbase 1000\n", None).await.unwrap();
    let store = etcd.open().await;
    assert!(store.snapshot().revision().0 > 1000, "revisions stand on the base");
    let last = churn(&store, "a", 3).await;
    let at = Txn::update(Key::new("a"), last, "x".into(), None);
    assert_eq!(store.commit(at).await.unwrap().0, last.0 + 1);
    assert_eq!(store.at(last).await.unwrap().get("a").unwrap().revision, last);
    store.close().await;

    client.put("/timonier/test/data/b", "not ours", None).await.unwrap();
    let error = Store::open(&etcd.url(), Options::default()).await.err().unwrap();
    assert!(matches!(error, OpenError::CorruptKey { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_dies_costs_no_acknowledged_write_and_no_event() {
    let mut members = Etcd::start_three();
    let url = StoreUrl::Etcd {
        endpoints: members.iter().map(Etcd::endpoint).collect(),
        cluster: "test".to_owned(),
        tls: false,
    };
    let store = within("the cluster", async {
        loop {
            match Store::open(&url, Options::default()).await {
                Ok(store) => return store,
                Err(OpenError::Unreachable { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let mut acknowledged = Vec::new();
    for i in 0..60 {
        if i == 20 {
            // The first endpoint is the one in use.
            members[0].kill();
        }
        let key = format!("k{i}");
        let txn = || Txn::create(Key::new(key.clone()), "x".into(), None);
        within("a commit", async {
            loop {
                match store.commit(txn()).await {
                    Ok(revision) => return acknowledged.push((key.clone(), revision)),
                    Err(CommitError::Unknown(_) | CommitError::Unavailable(_)) => {}
                    // The attempt whose outcome was unknown had happened.
                    Err(CommitError::Conflict { current: Some(entry), .. }) => {
                        return acknowledged.push((key.clone(), entry.revision));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        })
        .await;
    }
    let last = acknowledged.last().unwrap().1;
    let seen: Vec<(String, Revision)> =
        until(&mut watch, last).await.iter().map(|event| (event.key.to_string(), event.revision)).collect();
    assert_eq!(seen, acknowledged);
}
