//! What can be asked of the store in one step.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::{CommitError, Key, Revision};

/// One change of one key.
#[derive(Clone, Debug)]
pub enum Op {
    Put {
        key: Key,
        value: Bytes,
        tag: Option<Arc<str>>,
    },
    /// Deleting a key that is absent changes nothing and is no error.
    Delete {
        key: Key,
    },
}

impl Op {
    pub fn key(&self) -> &Key {
        match self {
            Op::Put { key, .. } | Op::Delete { key } => key,
        }
    }
}

/// What must hold for a transaction to happen.
#[derive(Clone, Debug)]
pub enum Condition {
    /// The key does not exist.
    Absent(Key),
    /// The key exists and was last written at this revision.
    At(Key, Revision),
}

impl Condition {
    pub fn key(&self) -> &Key {
        match self {
            Condition::Absent(key) | Condition::At(key, _) => key,
        }
    }
}

/// A transaction: under all conditions, all operations, at one revision. Each key may occur once
/// among the operations and once among the conditions.
#[derive(Clone, Debug, Default)]
pub struct Txn {
    pub conditions: Vec<Condition>,
    pub ops: Vec<Op>,
}

impl Txn {
    /// Creates one key; a conflict when it exists.
    pub fn create(key: Key, value: Bytes, tag: Option<Arc<str>>) -> Txn {
        Txn { conditions: vec![Condition::Absent(key.clone())], ops: vec![Op::Put { key, value, tag }] }
    }

    /// Replaces one key that must be at `revision`.
    pub fn update(key: Key, revision: Revision, value: Bytes, tag: Option<Arc<str>>) -> Txn {
        Txn { conditions: vec![Condition::At(key.clone(), revision)], ops: vec![Op::Put { key, value, tag }] }
    }

    /// Deletes one key that must be at `revision`.
    pub fn delete(key: Key, revision: Revision) -> Txn {
        Txn { conditions: vec![Condition::At(key.clone(), revision)], ops: vec![Op::Delete { key }] }
    }

    /// The bytes that this transaction carries.
    pub(crate) fn size(&self) -> usize {
        let ops: usize = self
            .ops
            .iter()
            .map(|op| match op {
                Op::Put { key, value, tag } => key.len() + value.len() + tag.as_ref().map_or(0, |tag| tag.len()),
                Op::Delete { key } => key.len(),
            })
            .sum();
        let conditions: usize = self.conditions.iter().map(|c| c.key().len()).sum();
        ops + conditions
    }

    pub(crate) fn validate(&self, limit: usize) -> Result<(), CommitError> {
        once("ops", self.ops.iter().map(Op::key))?;
        once("conditions", self.conditions.iter().map(Condition::key))?;
        let size = self.size();
        if size > limit {
            return Err(CommitError::TooLarge { what: "bytes", size, limit });
        }
        Ok(())
    }
}

fn once<'a>(place: &str, keys: impl ExactSizeIterator<Item = &'a Key>) -> Result<(), CommitError> {
    let several = keys.len() > 1;
    let mut seen = HashSet::new();
    for key in keys {
        if key.is_empty() {
            return Err(CommitError::Invalid(format!("an empty key among the {place}")));
        }
        if several && !seen.insert(key) {
            return Err(CommitError::Invalid(format!("key {key:?} occurs twice among the {place}")));
        }
    }
    Ok(())
}
