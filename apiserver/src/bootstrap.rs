//! The first transaction of a cluster: its four namespaces. The uid of `kube-system` is the cluster's id. Then the default
//! storage class, and what every cluster has at each start: roles and their bindings, priority classes, API services.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_store::{CommitError, Condition, Key, Op, Snapshot, Store, Txn};

use crate::apiservices;
use crate::auth::rbac;
use crate::config::StartError;
use crate::kinds::groups::scheduling::SYSTEM_CLASSES;
use crate::kinds::{Table, storageclass};
use crate::object::{self, Object, meta};
use crate::registry::keys;

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

/// An object that every cluster has.
pub struct Wanted {
    pub group: &'static str,
    pub plural: &'static str,
    /// As it is made where it is missing.
    pub object: Value,
    /// Changes the one that is there to what is wanted; whether there was anything to change.
    pub amend: fn(&mut Value, &Value) -> bool,
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
