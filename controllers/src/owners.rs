//! Owner references: written by whoever adopts or releases an object.

use kube::api::Patch;
use serde_json::{Value, json};
use timonier_client::{Meta, Object, Writer};

use crate::refusal::is_gone;

/// The reference by which `owner` controls what it makes.
pub fn reference<T: Object>(owner: &Meta) -> Value {
    json!({
        "apiVersion": T::RESOURCE.api_version(), "kind": T::KIND,
        "name": &*owner.name, "uid": &*owner.uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Asks the server, not our copy, whether this very object is there and stays: only then may it adopt.
pub async fn still_wants<T: Object>(writer: &Writer, owner: &Meta) -> Result<bool, kube::Error> {
    let live = writer.read::<T>(&owner.key()).await?;
    Ok(live.is_some_and(|live| live.meta().uid == owner.uid && !live.meta().is_deleting()))
}

/// Makes `reference` the controller of an orphan. The uid is the condition: a namesake is left alone.
pub async fn adopt<T: Object>(writer: &Writer, orphan: &Meta, reference: Value) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"uid": &*orphan.uid, "ownerReferences": [reference]}});
    match writer.patch::<T>(&orphan.key(), &Patch::Strategic(patch)).await {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Takes the reference to `owner_uid` away.
pub async fn release<T: Object>(writer: &Writer, owned: &Meta, owner_uid: &str) -> Result<(), kube::Error> {
    let gone = json!({"$patch": "delete", "uid": owner_uid});
    let patch = json!({"metadata": {"uid": &*owned.uid, "ownerReferences": [gone]}});
    match writer.patch::<T>(&owned.key(), &Patch::Strategic(patch)).await {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}
