//! What is filled into a new object after a look at others: Kubernetes' mutating admission.

mod priority;
mod service_account;

use serde_json::Value;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use crate::kinds::{Row, json, metadata, persistentvolumeclaim, storageclass};
use crate::object::Object;

/// Completes a new object of a namespace, or says why there can be none. `snapshot` has all that was written before.
pub fn complete(row: &Row, object: &mut Value, namespace: &str, snapshot: &Snapshot) -> Result<(), Status> {
    match (&*row.kind.group, &*row.kind.plural) {
        ("", "persistentvolumeclaims") => default_storage_class(object, snapshot),
        ("", "pods") => {
            service_account::complete(object, namespace, snapshot);
            priority::complete(object, snapshot)?;
        }
        _ => {}
    }
    Ok(())
}

/// A claim that names no class gets the default one; of several, the one made last.
fn default_storage_class(claim: &mut Value, snapshot: &Snapshot) {
    if persistentvolumeclaim::has_class(claim) {
        return;
    }
    let classes = snapshot.range("storageclasses.storage.k8s.io/", None);
    let classes = classes.filter_map(|entry| Object::of(entry).ok()?.stored_value().ok());
    let made = |class: &Value| json::text(json::get(class, "metadata"), "creationTimestamp").to_owned();
    let by_age = |a: &Value, b: &Value| made(a).cmp(&made(b)).then_with(|| metadata::name(b).cmp(metadata::name(a)));
    if let Some(class) = classes.filter(storageclass::is_default).max_by(by_age)
        && let Some(spec) = json::object_mut(claim, "spec")
    {
        json::set(spec, "storageClassName", metadata::name(&class));
    }
}
