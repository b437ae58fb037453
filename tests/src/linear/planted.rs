//! The search is shown histories with and without a fault.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Operation, Step, Value, check};

fn op(client: usize, called: u64, returned: u64, step: Step) -> Operation {
    Operation { client, register: "r".to_owned(), step, called, returned: Some(returned) }
}

fn perhaps(client: usize, called: u64, step: Step) -> Operation {
    Operation { returned: None, ..op(client, called, 0, step) }
}

fn create(value: u64) -> Step {
    Step::Swap { from: None, to: Some(value) }
}

fn replace(from: u64, to: u64) -> Step {
    Step::Swap { from: Some(from), to: Some(to) }
}

fn see(value: u64) -> Step {
    Step::See(Some(value))
}

#[test]
fn what_an_order_explains_is_no_violation() {
    let histories = [
        vec![],
        vec![op(0, 0, 1, create(1)), op(1, 2, 3, see(1)), op(0, 4, 5, replace(1, 2)), op(1, 6, 7, see(2))],
        // Reads beside a write see it or not, but not one after the other.
        vec![op(0, 0, 1, create(1)), op(0, 2, 9, replace(1, 2)), op(1, 3, 4, see(1)), op(2, 5, 6, see(2))],
        // Unknown, and never done; unknown, and done much later.
        vec![op(0, 0, 1, create(1)), perhaps(0, 2, replace(1, 2)), op(1, 5, 6, see(1))],
        vec![op(0, 0, 1, create(1)), perhaps(0, 2, replace(1, 2)), op(1, 5, 6, see(1)), op(1, 7, 8, see(2))],
        // One of two that compared with the same value lost.
        vec![
            op(0, 0, 1, create(1)),
            op(0, 2, 5, replace(1, 2)),
            op(1, 2, 5, Step::Differ(Some(1))),
            op(1, 6, 7, see(2)),
        ],
        vec![op(0, 0, 1, create(1)), op(0, 2, 3, Step::Swap { from: Some(1), to: None }), op(1, 4, 5, Step::See(None))],
    ];
    for history in histories {
        check(&history).unwrap_or_else(|violation| panic!("{violation}"));
    }
}

#[test]
fn each_kind_of_fault_is_found() {
    let faults = [
        ("a stale read", vec![op(0, 0, 1, create(1)), op(0, 2, 3, replace(1, 2)), op(1, 4, 5, see(1))]),
        ("a lost write", vec![op(0, 0, 1, create(1)), op(1, 2, 3, Step::See(None))]),
        ("a lost update", vec![op(0, 0, 1, create(1)), op(0, 2, 5, replace(1, 2)), op(1, 2, 5, replace(1, 3))]),
        (
            "time that goes back",
            vec![op(0, 0, 1, create(1)), op(0, 2, 20, replace(1, 2)), op(1, 3, 4, see(2)), op(2, 5, 6, see(1))],
        ),
        ("a value before it was written", vec![op(1, 0, 1, see(1)), op(0, 2, 3, create(1))]),
        ("a refused write that happened", vec![op(0, 0, 1, create(1)), op(1, 2, 3, see(9))]),
        ("a refusal without a reason", vec![op(0, 0, 1, create(1)), op(1, 2, 3, Step::Differ(Some(1)))]),
        (
            "an unknown write that comes and goes",
            vec![op(0, 0, 1, create(1)), perhaps(0, 2, replace(1, 2)), op(1, 3, 4, see(2)), op(1, 5, 6, see(1))],
        ),
        (
            "an unknown write that happened twice",
            vec![
                op(0, 0, 1, create(1)),
                perhaps(0, 2, replace(1, 2)),
                op(1, 3, 4, replace(2, 1)),
                op(1, 5, 6, replace(1, 3)),
                op(1, 7, 8, see(2)),
            ],
        ),
    ];
    for (fault, history) in faults {
        assert!(check(&history).is_err(), "{fault} was not found");
    }
}

#[test]
fn registers_are_apart() {
    let other = Operation { register: "other".to_owned(), ..op(1, 4, 5, see(1)) };
    let violation = check(&[op(0, 0, 1, create(1)), op(1, 2, 3, see(1)), other]).unwrap_err();
    assert_eq!(violation.register, "other");
}

/// Tries every order; for histories of a few operations.
fn brute_force(left: &[Operation], current: Value) -> bool {
    let Some(first_return) = left.iter().filter_map(|operation| operation.returned).min() else {
        return true;
    };
    (0..left.len()).filter(|n| left[*n].called <= first_return).any(|n| {
        let mut rest = left.to_vec();
        let operation = rest.remove(n);
        operation.step.apply(current).is_some_and(|after| brute_force(&rest, after))
    })
}

#[test]
fn the_search_finds_what_trying_every_order_finds() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut verdicts = HashSet::new();
    for _ in 0..20_000 {
        let any = |rng: &mut StdRng| [None, Some(1), Some(2)][rng.random_range(0..3)];
        let history: Vec<Operation> = (0..rng.random_range(1..7))
            .map(|client| {
                let step = match rng.random_range(0..4) {
                    0 | 1 => Step::Swap { from: any(&mut rng), to: any(&mut rng) },
                    2 => Step::See(any(&mut rng)),
                    _ => Step::Differ(any(&mut rng)),
                };
                let called = rng.random_range(0..12);
                match rng.random_bool(0.2) {
                    true => perhaps(client, called, step),
                    false => op(client, called, called + rng.random_range(0..6), step),
                }
            })
            .collect();
        let expected = brute_force(&history, None);
        assert_eq!(check(&history).is_ok(), expected, "{history:#?}");
        verdicts.insert(expected);
    }
    assert_eq!(verdicts.len(), 2, "histories of both kinds were tried");
}

/// What clients of a real register would have seen: each operation happens at one moment between its call and its return.
fn simulate(rng: &mut StdRng, operations: usize) -> Vec<Operation> {
    let mut plans: Vec<(u64, u64, u64)> = (0..operations as u64)
        .map(|n| {
            let called = n * 3 + rng.random_range(0..30);
            let happens = called + rng.random_range(0..40);
            (happens, called, happens + rng.random_range(0..40))
        })
        .collect();
    plans.sort();
    let (mut current, mut older, mut next) = (None, None, 0);
    let mut history = Vec::new();
    for (client, (_, called, returned)) in plans.into_iter().enumerate() {
        next += 1;
        let step = match rng.random_range(0..10) {
            0..5 => Step::See(current),
            5 if older != current => Step::Differ(older),
            6 => Step::Swap { from: current, to: None },
            _ => Step::Swap { from: current, to: Some(next) },
        };
        let is_unknown = matches!(step, Step::Swap { .. }) && rng.random_bool(0.1);
        if !is_unknown || rng.random() {
            older = current;
            current = step.apply(current).expect("it fits");
        }
        history.push(if is_unknown { perhaps(client, called, step) } else { op(client, called, returned, step) });
    }
    history
}

#[test]
fn in_a_long_history_one_wrong_answer_is_found() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut history = simulate(&mut rng, 120);
        check(&history).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        // A read gets the value of a write that had long been replaced when it began.
        let mut reads =
            history.iter().enumerate().filter(|(_, o)| matches!(o.step, Step::See(Some(_))) && o.called > 180);
        let (place, read) = reads.next_back().expect("a late read");
        let old = history.iter().find_map(|o| match o.step {
            Step::Swap { to: Some(to), .. } if o.returned.is_some_and(|returned| returned + 90 < read.called) => {
                Some(to)
            }
            _ => None,
        });
        history[place].step = see(old.expect("an early write"));
        assert!(check(&history).is_err(), "seed {seed}: the stale read was not found");
    }
}
