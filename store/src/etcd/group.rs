//! Transactions that are sent together: nested in one of etcd's, each under its own conditions.

use std::collections::HashSet;

use etcd_client::{Txn as EtcdTxn, TxnOp};
use tokio::sync::oneshot;

use super::commit::translate;
use super::layout::Layout;
use super::places::{Deletions, KEY};
use crate::trail::Trail;
use crate::{CommitError, Key, Op, Revision, Txn};

pub(super) type Outcome = Result<Revision, CommitError>;

/// etcd takes 128 operations in a transaction, counting those of the largest nested one with the number of these.
const MOST: usize = 100;
const MOST_OPS: usize = 16;
/// Where it runs with its defaults, 1.5 MiB in a request.
const BYTES: usize = 1 << 20;

pub(super) struct Request {
    pub(super) txn: Txn,
    pub(super) answer: oneshot::Sender<Outcome>,
    pub(super) trail: Trail,
}

#[derive(Default)]
pub(super) struct Group {
    pub(super) requests: Vec<Request>,
    keys: HashSet<Key>,
    bytes: usize,
}

impl Group {
    pub(super) fn of(first: Request) -> Group {
        let mut group = Group::default();
        group.push(first);
        group
    }

    /// Takes one more, or gives it back: it must be small enough, and have no key in common with the others, which
    /// etcd would all hold against the same state.
    pub(super) fn add(&mut self, request: Request) -> Result<(), Request> {
        let fits = self.requests.len() < MOST
            && self.bytes + request.txn.size() <= BYTES
            && self.requests.first().is_some_and(|first| is_small(&first.txn))
            && is_small(&request.txn)
            && !keys(&request.txn).any(|key| self.keys.contains(key));
        if fits {
            self.push(request);
            return Ok(());
        }
        Err(request)
    }

    /// What all of them are waiting for now.
    pub(super) fn step(&mut self, step: &'static str) {
        self.requests.iter_mut().for_each(|request| request.trail.next(step));
    }

    fn push(&mut self, request: Request) {
        self.keys.extend(keys(&request.txn).cloned());
        self.bytes += request.txn.size();
        self.requests.push(request);
    }

    /// The transaction that does all of them, the n-th at place n.
    pub(super) fn translate(&self, layout: &Layout) -> EtcdTxn {
        if let [alone] = &self.requests[..] {
            return translate(layout, &alone.txn, None);
        }
        let mut deletions = Deletions::default();
        let mut ops = Vec::with_capacity(self.requests.len() + 1);
        for (place, request) in (0..).zip(&self.requests) {
            for op in &request.txn.ops {
                if let Op::Delete { key } = op {
                    deletions.add(place, key);
                }
            }
            ops.push(TxnOp::txn(translate(layout, &request.txn, Some(place))));
        }
        if !deletions.is_empty() {
            ops.insert(0, TxnOp::put(layout.meta_key(KEY), deletions.into_bytes(), None));
        }
        EtcdTxn::new().and_then(ops)
    }
}

fn keys(txn: &Txn) -> impl Iterator<Item = &Key> {
    txn.conditions.iter().map(|condition| condition.key()).chain(txn.ops.iter().map(Op::key))
}

fn is_small(txn: &Txn) -> bool {
    txn.ops.len().max(txn.conditions.len()) <= MOST_OPS && keys(txn).all(|key| key.len() <= u16::MAX as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;

    fn request(txn: Txn) -> Request {
        Request { txn, answer: oneshot::channel().0, trail: Trail::default() }
    }

    fn create(key: &str, size: usize) -> Txn {
        Txn::create(Key::new(key), vec![b'x'; size].into(), None)
    }

    /// How many of these are sent together with the first.
    fn taken(txns: Vec<Txn>) -> usize {
        let mut txns = txns.into_iter().map(request);
        let mut group = Group::of(txns.next().unwrap());
        txns.map_while(|request| group.add(request).ok()).count()
    }

    #[test]
    fn what_is_small_and_independent_goes_together() {
        let many = |n: usize| (0..n).map(|n| create(&format!("k{n}"), 10)).collect::<Vec<_>>();
        let wide = |n| Txn {
            conditions: vec![],
            ops: (0..n).map(|n| Op::Delete { key: Key::new(format!("w{n}")) }).collect(),
        };
        let reads =
            Txn { conditions: vec![Condition::Absent(Key::new("a"))], ops: vec![Op::Delete { key: Key::new("b") }] };
        for (txns, expected) in [
            (many(5), 4),
            (many(500), MOST - 1),
            (vec![create("a", 10), create("a", 10)], 0),
            (vec![create("a", 10), reads.clone()], 0),
            (vec![reads, create("a", 10)], 0),
            (vec![create("a", 600 << 10), create("b", 400 << 10), create("c", 100 << 10)], 1),
            (vec![create("a", 10), wide(MOST_OPS), wide(MOST_OPS + 1)], 1),
            (vec![wide(MOST_OPS + 1), create("a", 10)], 0),
            (vec![create("a", 10), create(&"x".repeat(1 << 16), 10)], 0),
        ] {
            assert_eq!(taken(txns), expected);
        }
    }
}
