//! A transaction as etcd's.

use std::sync::Arc;

use etcd_client::{Compare, CompareOp, Txn as EtcdTxn, TxnOp, TxnOpResponse, TxnResponse};

use super::Shared;
use super::connection::Failure;
use super::layout::{Layout, encode};
use crate::{CommitError, Condition, Entry, Op, Revision, Txn};

/// etcd's own limits, where it runs with its defaults: operations in a transaction, and bytes in a
/// request (1.5 MiB, of which some is for its envelope).
const MAX_OPS: usize = 128;
const MAX_BYTES: usize = (1536 << 10) - (16 << 10);

/// What can be refused before etcd is asked.
pub(super) fn check(shared: &Shared, txn: &Txn) -> Result<(), CommitError> {
    check_size(txn, shared.options.txn_bytes)?;
    if shared.layout.numbering().is_shared() { check_places(shared, txn) } else { Ok(()) }
}

/// etcd compares its own revisions, of which several of ours can be parts.
fn check_places(shared: &Shared, txn: &Txn) -> Result<(), CommitError> {
    let snapshot = shared.hub.snapshot();
    for condition in &txn.conditions {
        let Condition::At(key, revision) = condition else { continue };
        let etcd = |revision| shared.layout.etcd_revision(revision);
        if let Some(current) = snapshot.get(key)
            && current.revision != *revision
            && etcd(current.revision) == etcd(*revision)
        {
            return Err(CommitError::Conflict { key: key.clone(), current: Some(current.clone()) });
        }
    }
    Ok(())
}

/// What became of a transaction that would be done at `revision`, from etcd's answer to it. `seen` says whether this
/// server has seen what etcd had done by then.
pub(super) fn outcome(
    shared: &Shared,
    txn: &Txn,
    revision: Revision,
    seen: bool,
    answer: &TxnResponse,
) -> Result<Revision, CommitError> {
    if !answer.succeeded() {
        return Err(conflict(&shared.layout, txn, answer));
    }
    if !seen {
        return Err(CommitError::Unknown(format!(
            "etcd took the write as revision {revision}, but has not yet shown it to this server"
        )));
    }
    let puts = txn.ops.iter().any(|op| matches!(op, Op::Put { .. }));
    let deleted = |answer: TxnOpResponse| matches!(answer, TxnOpResponse::Delete(answer) if answer.deleted() > 0);
    let changed = puts || answer.op_responses().into_iter().any(deleted);
    Ok(if changed { revision } else { shared.hub.revision() })
}

fn check_size(txn: &Txn, txn_bytes: usize) -> Result<(), CommitError> {
    txn.validate(txn_bytes.min(MAX_BYTES))?;
    let size = txn.ops.len().max(txn.conditions.len());
    if size > MAX_OPS {
        return Err(CommitError::TooLarge { what: "operations or conditions", size, limit: MAX_OPS });
    }
    Ok(())
}

/// As etcd's; `place` is that among those that are sent together.
pub(super) fn translate(layout: &Layout, txn: &Txn, place: Option<u8>) -> EtcdTxn {
    let compares = txn.conditions.iter().map(|condition| {
        let key = layout.data_key(condition.key());
        match condition {
            Condition::Absent(_) => Compare::create_revision(key, CompareOp::Equal, 0),
            Condition::At(_, revision) => Compare::mod_revision(key, CompareOp::Equal, layout.etcd_revision(*revision)),
        }
    });
    let ops = txn.ops.iter().map(|op| {
        let name = layout.data_key(op.key());
        match op {
            Op::Put { value, tag, .. } => TxnOp::put(name, encode(value, tag.as_deref(), place), None),
            Op::Delete { .. } => TxnOp::delete(name, None),
        }
    });
    // What is in the way, as it was at that moment.
    let current = txn.conditions.iter().map(|condition| TxnOp::get(layout.data_key(condition.key()), None));
    EtcdTxn::new()
        .when(compares.collect::<Vec<_>>())
        .and_then(ops.collect::<Vec<_>>())
        .or_else(current.collect::<Vec<_>>())
}

fn conflict(layout: &Layout, txn: &Txn, answer: &TxnResponse) -> CommitError {
    let answers = answer.op_responses();
    for (condition, answer) in txn.conditions.iter().zip(&answers) {
        let TxnOpResponse::Get(found) = answer else {
            continue;
        };
        let current: Option<Arc<Entry>> = match found.kvs().first().map(|kv| layout.entry(kv)) {
            Some(Ok(entry)) => entry,
            Some(Err(damaged)) => {
                let problem = format!("etcd key {}: {}", damaged.key, damaged.problem);
                return CommitError::Unavailable(problem);
            }
            None => None,
        };
        let holds = match condition {
            Condition::Absent(_) => current.is_none(),
            Condition::At(_, at) => current.as_ref().is_some_and(|e| e.revision == *at),
        };
        if !holds {
            let key = condition.key().clone();
            return CommitError::Conflict { key, current };
        }
    }
    CommitError::Unavailable("etcd refused the transaction without a reason".to_owned())
}

pub(super) fn refusal(failure: &Failure, txn: &Txn) -> CommitError {
    if failure.is_too_large() {
        return CommitError::TooLarge {
            what: "bytes for this etcd (its flag --max-request-bytes)",
            size: txn.size(),
            // It does not say how much it takes.
            limit: txn.size().saturating_sub(1),
        };
    }
    if failure.is_full() {
        return CommitError::Unavailable(format!("etcd is out of space: {failure}"));
    }
    CommitError::Unknown(format!("etcd: {failure}"))
}
