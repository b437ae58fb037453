//! Many at once.

use std::collections::BTreeMap;

use timonier_store::{CommitError, Key, Store, Txn};

use super::place::Place;
use super::{everything, next, put, until, write};

const TASKS: usize = 8;
const ROUNDS: usize = 25;

/// Adds one to the number at `key`, however often it takes.
async fn increment(store: &Store, key: &str) {
    loop {
        let snapshot = store.snapshot();
        let txn = match snapshot.get(key) {
            None => Txn::create(Key::new(key), "1".into(), None),
            Some(entry) => {
                let number: u64 = String::from_utf8_lossy(&entry.value.to_bytes()).parse().unwrap();
                let value = (number + 1).to_string().into();
                Txn::update(entry.key.clone(), entry.revision, value, None)
            }
        };
        match store.commit(txn).await {
            Ok(_) => return,
            Err(CommitError::Conflict { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

pub async fn counters_under_compare_and_set_lose_no_increment(place: &impl Place) {
    let store = place.open().await;
    let tasks = (0..TASKS).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                increment(&store, &format!("counter/{}", (task + round) % 2)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let snapshot = store.snapshot();
    let sum: usize = snapshot
        .range("counter/", None)
        .map(|entry| String::from_utf8_lossy(&entry.value.to_bytes()).parse::<usize>().unwrap())
        .sum();
    assert_eq!(sum, TASKS * ROUNDS);
}

pub async fn watchers_see_what_concurrent_writers_wrote(place: &impl Place) {
    let mut options = place.options();
    // Small, so that watchers fall behind the memory where the engine has a history.
    if !matches!(place.url(), timonier_store::StoreUrl::Memory) {
        options.tail_events = 20;
    }
    let store = place.open_with(options).await;
    let start = store.snapshot().revision();
    let watchers: Vec<_> = (0..4).map(|_| store.watch(start, everything()).unwrap()).collect();
    let writers: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut written = Vec::new();
                for round in 0..ROUNDS {
                    written.push(write(&store, vec![put(&format!("k/{task}"), &round.to_string())]).await);
                }
                written
            })
        })
        .collect();
    let watching: Vec<_> = watchers
        .into_iter()
        .map(|mut watch| {
            tokio::spawn(async move {
                let mut events = Vec::new();
                while events.len() < TASKS * ROUNDS {
                    events.extend(next(&mut watch).await.events.iter().cloned());
                }
                events
            })
        })
        .collect();
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    written.sort();
    let last = *written.last().unwrap();
    let mut late = store.watch(start, everything()).unwrap();
    let expected = until(&mut late, last).await;
    for watching in watching {
        let events = watching.await.unwrap();
        assert_eq!(events, expected);
        let mut state = BTreeMap::new();
        // Each has a revision of its own, however many were written together.
        assert!(written.is_sorted_by(|a, b| a < b));
        assert_eq!(events.iter().map(|event| event.revision).collect::<Vec<_>>(), written);
        for event in &events {
            assert_eq!(event.previous, state.get(&event.key).cloned());
            state.insert(event.key.clone(), event.current.clone().unwrap());
        }
        let snapshot = store.snapshot();
        let stored: Vec<_> = snapshot.range("", None).cloned().collect();
        assert_eq!(stored, state.into_values().collect::<Vec<_>>());
    }
}
