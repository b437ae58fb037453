//! Objects that a cluster must have: made where they are missing, amended where they are not as they should be.

use jiff::Timestamp;
use serde_json::Value;
use timonier_store::{CommitError, Condition, Key, Op, Snapshot, Store, Txn};

use crate::config::StartError;
use crate::kinds::Table;
use crate::object::{self, Object, meta};
use crate::registry::keys;

/// An object that every cluster has.
pub struct Wanted {
    pub group: &'static str,
    pub plural: &'static str,
    /// As it is made where it is missing.
    pub object: Value,
    /// Changes the one that is there to what is wanted; whether there was anything to change.
    pub amend: fn(&mut Value, &Value) -> bool,
}

/// So many objects are written in one transaction (etcd takes 128 operations).
const AT_ONCE: usize = 100;
/// How often it is tried when others write at the same time.
const ATTEMPTS: usize = 5;

/// Makes what is missing, and amends what is there. Several servers may do it at once.
pub async fn see_to(store: &Store, table: &Table, wanted: Vec<Wanted>) -> Result<(), StartError> {
    for batch in wanted.chunks(AT_ONCE) {
        for _ in 0..ATTEMPTS {
            let snapshot = store.fresh().await.map_err(|error| StartError::Store(error.to_string()))?;
            let mut txn = Txn::default();
            for wanted in batch {
                see_to_one(wanted, &snapshot, table, &mut txn)?;
            }
            if txn.ops.is_empty() {
                break;
            }
            match store.commit(txn).await {
                Ok(_) => break,
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(StartError::Store(error.to_string())),
            }
        }
    }
    Ok(())
}

fn see_to_one(wanted: &Wanted, snapshot: &Snapshot, table: &Table, txn: &mut Txn) -> Result<(), StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Store(error.to_string());
    let Some(row) = table.by_plural(wanted.group, "v1", wanted.plural) else {
        return Err(StartError::Store(format!("the kind of {}.{} is not built in", wanted.plural, wanted.group)));
    };
    let (namespace, name) = (meta::text(&wanted.object, "namespace"), meta::text(&wanted.object, "name"));
    let key = Key::new(keys::object(row, namespace, name));
    let object = match snapshot.get(&key) {
        Some(entry) => {
            let mut there =
                Object::of(entry).and_then(|object| object.working_value()).map_err(|e| failed(&e.message))?;
            if !(wanted.amend)(&mut there, &wanted.object) {
                return Ok(());
            }
            txn.conditions.push(Condition::At(key.clone(), entry.revision));
            there
        }
        None => {
            let mut object = wanted.object.clone();
            row.hooks.default(&mut object);
            row.hooks.prepare_create(&mut object);
            meta::set(&mut object, "uid", uuid::Uuid::new_v4().to_string());
            meta::set(&mut object, "creationTimestamp", meta::time(Timestamp::now()));
            if row.generations {
                meta::set(&mut object, "generation", 1);
            }
            txn.conditions.push(Condition::Absent(key.clone()));
            object
        }
    };
    let value = object::encode(&object, row).map_err(|error| failed(&error.message))?;
    txn.ops.push(Op::Put { key, value, tag: None });
    Ok(())
}
