//! The first transaction of a cluster: its four namespaces. The uid of `kube-system` is the cluster's id. Then the default
//! storage class, and what every cluster has at each start: roles and their bindings, priority classes, API services.

use jiff::Timestamp;
use serde_json::json;
use timonier_store::{CommitError, Condition, Key, Op, Store, Txn};

use crate::apiservices;
use crate::auth::rbac;
use crate::config::StartError;
use crate::kinds::groups::scheduling::SYSTEM_CLASSES;
use crate::kinds::{Table, storageclass};
use crate::object::{self, meta};
use crate::registry::keys;
use crate::wanted::Wanted;

/// The class of claims that name none: directories on the node where their pod runs.
const LOCAL_PATH: &str = "local-path";

/// Makes the default storage class where there is no class at all.
pub async fn first_storage_class(store: &Store, table: &Table) -> Result<(), StartError> {
    let row = table
        .by_plural("storage.k8s.io", "v1", "storageclasses")
        .ok_or_else(|| StartError::Store("the kind StorageClass is not built in".to_string()))?;
    let snapshot = store.fresh().await.map_err(|error| StartError::Store(error.to_string()))?;
    if snapshot.range(&keys::kind(row), None).next().is_some() {
        return Ok(());
    }
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {
            "name": LOCAL_PATH,
            "uid": uuid::Uuid::new_v4().to_string(),
            "creationTimestamp": meta::time(Timestamp::now()),
            "annotations": {storageclass::DEFAULT_ANNOTATION: "true"},
        },
        "provisioner": "timonier.io/local-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    let value = object::encode(&class, row).map_err(|error| StartError::Store(error.to_string()))?;
    match store.commit(Txn::create(Key::new(keys::object(row, "", LOCAL_PATH)), value, None)).await {
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(StartError::Store(error.to_string())),
    }
}

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

/// All of them.
pub fn wanted(table: &Table) -> Vec<Wanted> {
    let classes = SYSTEM_CLASSES.iter().map(|(name, value, description)| Wanted {
        group: "scheduling.k8s.io",
        plural: "priorityclasses",
        object: json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": description}),
        amend: |_, _| false,
    });
    rbac::bootstrap::wanted().into_iter().chain(classes).chain(apiservices::wanted(table)).collect()
}
