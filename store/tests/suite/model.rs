//! Random transactions against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use timonier_store::{CommitError, Condition, Key, Op, Revision, Store, Txn};

use super::place::Place;
use super::{everything, put_tagged, until};

const KEYS: [&str; 5] = ["a", "a/1", "a/2", "b/1", "b/2"];
/// Random runs; each is a few dozen transactions on one store.
const RUNS: usize = 12;

#[derive(Clone, Debug)]
enum Change {
    Put(String, Option<String>),
    Delete,
}

#[derive(Clone, Copy, Debug)]
enum Guess {
    /// The condition that holds, whatever it is.
    Right,
    Absent,
    /// At the revision that the store had so many steps ago.
    Stale(usize),
}

type Step = (BTreeMap<usize, Change>, BTreeMap<usize, Guess>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tag = proptest::option::of("[xy]");
    let change = prop_oneof![
        3 => ("[a-z]{0,40}", tag).prop_map(|(value, tag)| Change::Put(value, tag)),
        1 => Just(Change::Delete),
    ];
    let guess = prop_oneof![
        6 => Just(Guess::Right),
        1 => Just(Guess::Absent),
        1 => (0usize..5).prop_map(Guess::Stale),
    ];
    let keys = 0..KEYS.len();
    let step = (
        proptest::collection::btree_map(keys.clone(), change, 0..4),
        proptest::collection::btree_map(keys, guess, 0..3),
    );
    proptest::collection::vec(step, 1..40)
}

/// What an entry should be: revision, created, value, tag.
type Model = BTreeMap<Key, (Revision, Revision, String, Option<String>)>;

pub async fn random_transactions_do_what_a_map_would_do(place: &impl Place) {
    let store = place.open().await;
    let mut runner = TestRunner::deterministic();
    let mut model = Model::new();
    for _ in 0..RUNS {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        run(&store, &mut model, &steps).await;
    }
}

pub async fn random_transactions_survive_restarts(place: &impl Place) {
    let mut options = place.options();
    // Files of a few transactions, and next to nothing in memory.
    (options.segment_bytes, options.checkpoint_bytes, options.tail_events) = (1000, 2000, 5);
    let mut runner = TestRunner::deterministic();
    let mut model = Model::new();
    for _ in 0..RUNS / 2 {
        let store = place.open_with(options.clone()).await;
        assert_eq!(as_model(&store.snapshot()), model);
        let steps = steps().new_tree(&mut runner).unwrap().current();
        run(&store, &mut model, &steps).await;
        store.compact(store.oldest()).await.unwrap();
        store.close().await;
    }
}

async fn run(store: &Store, model: &mut Model, steps: &[Step]) {
    let start = store.snapshot().revision();
    let mut watch = store.watch(start, everything()).unwrap();
    let mut states = vec![(start, model.clone())];
    for (changes, guesses) in steps {
        let revisions: Vec<Revision> = states.iter().rev().map(|(r, _)| *r).collect();
        let conditions = conditions(model, guesses, &revisions);
        let violated = conditions.iter().find(|c| !holds(model, c)).cloned();
        let txn = Txn { conditions, ops: ops(changes) };
        let outcome = store.commit(txn).await;
        match violated {
            None => {
                let revision = outcome.expect("all conditions hold");
                apply(model, changes, revision);
                if revision > states.last().unwrap().0 {
                    states.push((revision, model.clone()));
                }
            }
            Some(violated) => match outcome {
                Err(CommitError::Conflict { key, current }) => {
                    assert_eq!(key, *violated.key());
                    let expected = model.get(&key).map(|entry| entry.0);
                    assert_eq!(current.map(|entry| entry.revision), expected);
                }
                other => panic!("{violated:?} does not hold, but: {other:?}"),
            },
        }
        assert_eq!(as_model(&store.snapshot()), *model);
    }
    let last = states.last().unwrap().0;
    for (revision, state) in &states {
        assert_eq!(as_model(&store.at(*revision).await.unwrap()), *state);
    }
    let mut replayed = states[0].1.clone();
    for event in until(&mut watch, last).await {
        let before = event.previous.as_ref().map(|entry| entry.revision);
        assert_eq!(before, replayed.get(&event.key).map(|entry| entry.0));
        match &event.current {
            Some(entry) => replayed.insert(event.key.clone(), as_row(entry)),
            None => replayed.remove(&event.key),
        };
    }
    assert_eq!(replayed, *model);
}

fn conditions(model: &Model, guesses: &BTreeMap<usize, Guess>, revisions: &[Revision]) -> Vec<Condition> {
    let condition = |(index, guess): (&usize, &Guess)| {
        let key = Key::new(KEYS[*index]);
        match (guess, model.get(&key)) {
            (Guess::Right, Some(entry)) => Condition::At(key, entry.0),
            (Guess::Right, None) | (Guess::Absent, _) => Condition::Absent(key),
            (Guess::Stale(steps), _) => Condition::At(key, revisions[(*steps).min(revisions.len() - 1)]),
        }
    };
    guesses.iter().map(condition).collect()
}

fn holds(model: &Model, condition: &Condition) -> bool {
    match condition {
        Condition::Absent(key) => !model.contains_key(key),
        Condition::At(key, revision) => model.get(key).is_some_and(|e| e.0 == *revision),
    }
}

fn ops(changes: &BTreeMap<usize, Change>) -> Vec<Op> {
    let op = |(index, change): (&usize, &Change)| match change {
        Change::Put(value, tag) => put_tagged(KEYS[*index], value, tag.as_deref()),
        Change::Delete => super::delete(KEYS[*index]),
    };
    changes.iter().map(op).collect()
}

fn apply(model: &mut Model, changes: &BTreeMap<usize, Change>, revision: Revision) {
    for (index, change) in changes {
        let key = Key::new(KEYS[*index]);
        match change {
            Change::Put(value, tag) => {
                let created = model.get(&key).map_or(revision, |entry| entry.1);
                model.insert(key, (revision, created, value.clone(), tag.clone()));
            }
            Change::Delete => {
                model.remove(&key);
            }
        }
    }
}

fn as_row(entry: &timonier_store::Entry) -> (Revision, Revision, String, Option<String>) {
    let value = String::from_utf8_lossy(&entry.value.to_bytes()).into_owned();
    let tag = entry.tag.as_deref().map(str::to_owned);
    (entry.revision, entry.created, value, tag)
}

fn as_model(snapshot: &timonier_store::Snapshot) -> Model {
    let entries = snapshot.range("", None);
    entries.map(|entry| (entry.key.clone(), as_row(entry))).collect()
}
