//! Committing one object, and with it all that changes in the same transaction: the quotas that count it, and what else a
//! verb changes beside it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use timonier_api::status::Status;
use timonier_store::{CommitError, Condition, Entry, Key, Op, Revision, Txn};
use timonier_telemetry::span;
use tracing::Instrument;

use super::call::Call;
use crate::admission::quota::{self, Change, Charged};
use crate::kinds::Deep;
use crate::object::{self, Object};

/// How often a write is charged again when another server changed the quota first.
const ATTEMPTS: usize = 100;

pub enum PutError {
    /// Another write came first.
    Conflict,
    Other(Box<Status>),
}

impl From<Status> for PutError {
    fn from(status: Status) -> PutError {
        PutError::Other(Box::new(status))
    }
}

/// What becomes of an object.
pub struct Write<'a> {
    key: Key,
    /// When what it replaces was written; `None` for a new one.
    at: Option<Revision>,
    old: Option<&'a Value>,
    /// The object as it is written, or as it last is when it goes.
    last: &'a Value,
    goes: bool,
    beside: Vec<Beside>,
    /// What is text in both.
    deep: Deep,
}

/// Another object that is changed in the same transaction.
pub struct Beside {
    pub key: Key,
    pub at: Revision,
    pub value: Bytes,
}

impl<'a> Write<'a> {
    pub fn create(key: Key, object: &'a Value) -> Write<'a> {
        Write { key, at: None, old: None, last: object, goes: false, beside: vec![], deep: Deep::NOTHING }
    }

    pub fn update(entry: &Entry, old: &'a Value, new: &'a Value) -> Write<'a> {
        let (key, at) = (entry.key.clone(), Some(entry.revision));
        Write { key, at, old: Some(old), last: new, goes: false, beside: vec![], deep: Deep::NOTHING }
    }

    pub fn remove(entry: &Entry, old: &'a Value, last: &'a Value) -> Write<'a> {
        Write { goes: true, ..Write::update(entry, old, last) }
    }

    /// The objects were decoded but for these members.
    pub fn leaving(self, deep: Deep) -> Write<'a> {
        Write { deep, ..self }
    }

    fn change(&self, call: &'a Call) -> Change<'_> {
        Change {
            row: &call.storage,
            namespace: call.namespace(),
            key: &self.key,
            old: self.old,
            new: if self.goes { None } else { Some(self.last) },
        }
    }

    pub fn beside(self, others: Vec<Beside>) -> Write<'a> {
        Write { beside: others, ..self }
    }
}

/// Commits it; answers with the object as it was written, or as it last was at the revision of its deletion.
pub async fn put(call: &Call, write: Write<'_>) -> Result<Arc<Object>, PutError> {
    let staged = stage(call, &write)?;
    if staged.is_counted { staged.commit_counted(call, &write).await } else { staged.commit(call).await }
}

/// A write in the form in which it is stored: the object need not be decoded any more, unless it is counted.
pub struct Staged {
    pub value: Bytes,
    txn: Txn,
    /// Whether a quota is about it, or nothing is to be stored at all.
    pub is_counted: bool,
}

/// Puts a write into the form in which it is stored.
pub fn stage(call: &Call, write: &Write<'_>) -> Result<Staged, PutError> {
    let snapshot = call.app.store.snapshot();
    // Since it was read, somebody may have begun to count it.
    if write.deep != Deep::NOTHING && quota::any(&snapshot, call.namespace()) {
        return Err(PutError::Conflict);
    }
    let value = object::encode(write.last, &call.storage)?;
    let tag = call.storage.hooks.tag(write.last).map(Arc::from);
    let mut txn = match write.at {
        None => Txn::create(write.key.clone(), value.clone(), tag),
        Some(revision) if write.goes => Txn::delete(write.key.clone(), revision),
        Some(revision) => Txn::update(write.key.clone(), revision, value.clone(), tag),
    };
    for other in &write.beside {
        replace(&mut txn, other.key.clone(), other.at, other.value.clone());
    }
    // Most writes are none of any quota's business. A refusal is looked at again with all that was acknowledged.
    let charged = || quota::charge(&call.app.kinds.current(), &snapshot, &write.change(call));
    let is_counted = call.dry_run() || !charged().is_ok_and(|charged| charged.is_empty());
    Ok(Staged { value, txn, is_counted })
}

impl Staged {
    pub async fn commit(self, call: &Call) -> Result<Arc<Object>, PutError> {
        let revision = commit(call, self.txn).await.map_err(put_error)?;
        stored(self.value, revision)
    }

    pub async fn commit_counted(self, call: &Call, write: &Write<'_>) -> Result<Arc<Object>, PutError> {
        let change = write.change(call);
        let revision = if call.dry_run() {
            quota::charge(&call.app.kinds.current(), &call.app.store.snapshot(), &change)?;
            write.at.unwrap_or(Revision(0))
        } else {
            commit_charged(call, self.txn, &change).await?
        };
        stored(self.value, revision)
    }
}

/// The view of an object in the form in which it is stored.
pub fn stored(value: Bytes, revision: Revision) -> Result<Arc<Object>, PutError> {
    Object::decode(&value.into(), revision).map_err(|error| PutError::from(Status::internal(error)))
}

fn replace(txn: &mut Txn, key: Key, at: Revision, value: Bytes) {
    txn.conditions.push(Condition::At(key.clone(), at));
    txn.ops.push(Op::Put { key, value, tag: None });
}

/// Commits a transaction together with what it takes of quotas.
async fn commit_charged(call: &Call, txn: Txn, change: &Change<'_>) -> Result<Revision, PutError> {
    let table = call.app.kinds.current();
    // One writer of this server at a time: the others would only find that the quota has changed.
    let _turn = call.app.turns.of(change.namespace).await;
    for _ in 0..ATTEMPTS {
        let charged = quota::charge(&table, &call.fresh().await?, change)?;
        let keys: Vec<Key> = charged.iter().map(|quota| quota.key.clone()).collect();
        match commit(call, with_quotas(call, txn.clone(), charged)?).await {
            Err(CommitError::Conflict { key, .. }) if keys.contains(&key) => {}
            other => return other.map_err(put_error),
        }
    }
    Err(PutError::from(Status::too_many_requests("the quotas of the namespace change too often, please try again", 1)))
}

fn with_quotas(call: &Call, mut txn: Txn, charged: Vec<Charged>) -> Result<Txn, Status> {
    let table = call.app.kinds.current();
    for Charged { key, at, quota } in charged {
        let row = table.by_plural("", "v1", "resourcequotas").ok_or_else(Status::no_such_path)?;
        replace(&mut txn, key, at, object::encode(&quota, row)?);
    }
    Ok(txn)
}

async fn commit(call: &Call, txn: Txn) -> Result<Revision, CommitError> {
    let started = Instant::now();
    let outcome = call.app.store.commit(txn).instrument(span!("store commit")).await;
    call.app.metrics.committed(&call.info, started, &outcome);
    outcome
}

fn put_error(error: CommitError) -> PutError {
    match error {
        CommitError::Conflict { .. } => PutError::Conflict,
        CommitError::Unknown(reason) => {
            PutError::from(Status::timeout(format!("request did not complete, its outcome is unknown: {reason}"), 1))
        }
        CommitError::TooLarge { what, size, limit } => {
            PutError::from(Status::request_entity_too_large(format!("{size} {what}, limit is {limit}")))
        }
        CommitError::Invalid(reason) => PutError::from(Status::internal(reason)),
        CommitError::Unavailable(reason) => PutError::from(Status::service_unavailable(reason)),
    }
}
