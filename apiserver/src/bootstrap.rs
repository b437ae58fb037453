//! The first transaction of a cluster: its four namespaces. The uid of `kube-system` is the cluster's id.

use jiff::Timestamp;
use serde_json::json;
use timonier_store::{CommitError, Condition, Key, Op, Store, Txn};

use crate::config::StartError;
use crate::kinds::Table;
use crate::object::{self, meta};
use crate::registry::keys;

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Makes them all at one revision, unless they are there. Two servers may try at once: one wins.
pub async fn first_namespaces(store: &Store, table: &Table) -> Result<(), StartError> {
    let row = table
        .by_plural("", "v1", "namespaces")
        .ok_or_else(|| StartError::Store("the kind Namespace is not built in".to_string()))?;
    let snapshot = store.fresh().await.map_err(|error| StartError::Store(error.to_string()))?;
    let mut txn = Txn::default();
    for name in NAMESPACES {
        let key = Key::new(keys::object(row, "", name));
        if snapshot.get(&key).is_some() {
            continue;
        }
        let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name,
            "uid": uuid::Uuid::new_v4().to_string(),
            "creationTimestamp": meta::time(Timestamp::now()),
            "labels": {"kubernetes.io/metadata.name": name},
        }});
        row.hooks.default(&mut namespace);
        row.hooks.prepare_create(&mut namespace);
        let value = object::encode(&namespace, row).map_err(|error| StartError::Store(error.to_string()))?;
        txn.conditions.push(Condition::Absent(key.clone()));
        txn.ops.push(Op::Put { key, value, tag: None });
    }
    if txn.ops.is_empty() {
        return Ok(());
    }
    match store.commit(txn).await {
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(StartError::Store(error.to_string())),
    }
}
