//! What is filled into a new object after a look at others: Kubernetes' mutating admission.

mod priority;
mod runtime_class;
mod service_account;

use crate::kinds::claims;
use serde_json::Value;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use crate::admission::limits;
use crate::kinds::groups::networking::{ingress, ingress_class};
use crate::kinds::{Row, json, metadata, storageclass};
use crate::object::Object;

/// Completes a new object of a namespace, or says why there can be none. `snapshot` has all that was written before.
pub fn complete(row: &Row, object: &mut Value, namespace: &str, snapshot: &Snapshot) -> Result<(), Status> {
    match (&*row.kind.group, &*row.kind.plural) {
        ("", "persistentvolumeclaims") => default_storage_class(object, snapshot),
        ("networking.k8s.io", "ingresses") => default_ingress_class(object, snapshot),
        ("", "pods") => {
            limits::complete(object, namespace, snapshot);
            service_account::complete(object, namespace, snapshot);
            priority::complete(object, snapshot)?;
            runtime_class::complete(object, snapshot)?;
        }
        _ => {}
    }
    Ok(())
}

/// A claim that names no class gets the default one.
fn default_storage_class(claim: &mut Value, snapshot: &Snapshot) {
    if claims::has_class(claim) {
        return;
    }
    if let Some(class) = newest("storageclasses.storage.k8s.io/", storageclass::is_default, snapshot)
        && let Some(spec) = json::object_mut(claim, "spec")
    {
        json::set(spec, "storageClassName", metadata::name(&class));
    }
}

/// An ingress that names no class, in either way, gets the default one.
fn default_ingress_class(ingress: &mut Value, snapshot: &Snapshot) {
    let annotations = json::at(ingress, &["metadata", "annotations"]);
    if json::has(json::get(ingress, "spec"), "ingressClassName") || json::has(annotations, ingress::CLASS_ANNOTATION) {
        return;
    }
    if let Some(class) = newest("ingressclasses.networking.k8s.io/", ingress_class::is_default, snapshot)
        && let Some(spec) = json::object_mut(ingress, "spec")
    {
        json::set(spec, "ingressClassName", metadata::name(&class));
    }
}

/// Of the objects that are so, the one made last.
fn newest(prefix: &str, is_so: fn(&Value) -> bool, snapshot: &Snapshot) -> Option<Value> {
    let objects = snapshot.range(prefix, None).filter_map(|entry| Object::of(entry).ok()?.stored_value().ok());
    let made = |object: &Value| json::text(json::get(object, "metadata"), "creationTimestamp").to_owned();
    let by_age = |a: &Value, b: &Value| made(a).cmp(&made(b)).then_with(|| metadata::name(b).cmp(metadata::name(a)));
    objects.filter(is_so).max_by(by_age)
}
