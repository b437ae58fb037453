//! The pod that a template describes.

use serde_json::{Value, json};

use crate::{objects::PodOwner, owners};

/// A pod of this owner by a template, without a name: `metadata` has the template's labels, annotations and
/// finalizers, and the owner as controller.
pub fn pod_from<T: PodOwner>(owner: &T, template: &Value) -> Value {
    let mut metadata = json!({ "ownerReferences": [owners::reference::<T>(owner.meta())] });
    for field in ["labels", "annotations", "finalizers"] {
        match template.pointer(&format!("/metadata/{field}")) {
            None | Some(Value::Null) => {}
            Some(value) => metadata[field] = value.clone(),
        }
    }
    let spec = template.get("spec").cloned().unwrap_or_default();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// A pod of the owner's own template, without a name.
pub fn pod_of<T: PodOwner>(owner: &T) -> Value {
    pod_from(owner, owner.template())
}

/// The same, to be named by the server: `OWNER-xxxxx`.
pub fn any_pod_of<T: PodOwner>(owner: &T) -> Value {
    let mut pod = pod_of(owner);
    pod["metadata"]["generateName"] = format!("{}-", owner.meta().name).into();
    pod
}
