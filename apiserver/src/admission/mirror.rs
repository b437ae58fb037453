//! Mirror pods: what a node's agent shows of the pods that it has from files of its own.

use serde_json::Value;
use timonier_api::static_pod::{CONFIG_MIRROR, api_reference};
use timonier_api::status::Status;

use super::Attributes;
use crate::kinds::json;
use crate::kinds::pod::is_mirror;

/// The node runs the file, which may not refer to these; a mirror that did would show what is not so.
pub fn refer_to_nothing(write: &Attributes<'_>) -> Result<(), Status> {
    let (None, Some(pod)) = (write.old, write.new) else { return Ok(()) };
    let kind = &write.row.kind;
    if (&*kind.group, &*kind.plural) != ("", "pods") || !is_mirror(pod) {
        return Ok(());
    }
    match api_reference(json::get(pod, "spec")) {
        Some("serviceaccounts") => write.refuse("a mirror pod may not reference service accounts".to_owned()),
        Some("secrets") => write.refuse("a mirror pod may not reference secrets".to_owned()),
        _ => Ok(()),
    }
}

/// A node's agent creates mirrors on its own node, and no other pods.
pub fn restrict_node(write: &Attributes<'_>, pod: &Value, node: &str) -> Result<(), Status> {
    let refuse = |what: &str| write.refuse(format!("node {node:?} {what}"));
    if !is_mirror(pod) {
        return write.refuse(format!(
            "pod does not have {CONFIG_MIRROR:?} annotation, node {node:?} can only create mirror pods"
        ));
    }
    let spec = json::get(pod, "spec");
    if json::text(spec, "nodeName") != node {
        return refuse("can only create pods with spec.nodeName set to itself");
    }
    if let Some(plural) = api_reference(spec) {
        return refuse(&format!("can not create pods that reference {plural}"));
    }
    match json::list(json::get(pod, "metadata"), "ownerReferences") {
        [] => Ok(()),
        [owner] => {
            let of = |field| json::text(owner, field);
            if (of("apiVersion"), of("kind"), of("name")) != ("v1", "Node", node) {
                refuse("can only create pods with an owner reference set to itself")
            } else if owner["controller"] != true {
                refuse("can only create pods with an owner reference to itself that is the controller")
            } else if owner["blockOwnerDeletion"] == true {
                refuse("must not set blockOwnerDeletion on an owner reference")
            } else {
                Ok(())
            }
        }
        _ => refuse("can only create pods with a single owner reference set to itself"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::admit;
    use crate::identity::Identity;
    use crate::kinds::Table;

    #[test]
    fn a_node_creates_mirrors_on_itself_and_nothing_else() {
        let table = Table::builtin();
        let row = table.by_plural("", "v1", "pods").expect("a row");
        let mirror = json!({
            "metadata": {"name": "web-n1", "annotations": {CONFIG_MIRROR: "1"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u", "controller": true}]},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "x"}]},
        });
        let with = |pointer: &str, value: Value| {
            let mut pod = mirror.clone();
            *pod.pointer_mut(pointer).expect("a field") = value;
            pod
        };
        let owner = |field: &str, value: Value| {
            let mut pod = mirror.clone();
            pod["metadata"]["ownerReferences"][0][field] = value;
            pod
        };
        let volumes = |volume: Value| {
            let mut pod = mirror.clone();
            pod["spec"]["volumes"] = json!([volume]);
            pod
        };
        for (pod, by_node, by_admin) in [
            (mirror.clone(), None, None),
            (with("/metadata/ownerReferences", json!([])), None, None),
            (with("/metadata/annotations", json!({})), Some("can only create mirror pods"), None),
            (with("/spec/nodeName", json!("n2")), Some("spec.nodeName set to itself"), None),
            (owner("name", json!("n2")), Some("owner reference set to itself"), None),
            (owner("controller", json!(false)), Some("is the controller"), None),
            (owner("blockOwnerDeletion", json!(true)), Some("blockOwnerDeletion"), None),
            (volumes(json!({"configMap": {"name": "m"}})), Some("can not create pods that reference configmaps"), None),
            (volumes(json!({"secret": {"secretName": "m"}})), Some("secrets"), Some("may not reference secrets")),
        ] {
            for (identity, expected) in [(Identity::node("n1"), by_node), (Identity::admin(), by_admin)] {
                let write = Attributes { identity: &identity, row, old: None, new: Some(&pod), grace_period: None };
                match (admit(&write), expected) {
                    (Ok(()), None) => {}
                    (Err(refusal), Some(text)) if refusal.message.contains(text) => {}
                    (other, _) => panic!("{}: {pod}: {other:?}, expected {expected:?}", identity.user),
                }
            }
        }
    }
}
