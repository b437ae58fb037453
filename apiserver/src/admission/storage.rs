//! Volumes and claims: what no resizer is there for, and what a node's agent may change in a volume.

use serde_json::Value;
use timonier_api::status::Status;

use super::Attributes;
use crate::kinds::json;
use crate::kinds::persistentvolumeclaim::storage_request;

/// Held on a volume by the agent of the node that its directory is on.
const AGENTS_FINALIZER: &str = "timonier.io/local-path";
/// The node whose agent makes and removes the volume's directory.
const NODE_LABEL: &str = "timonier.io/node";

/// Nothing resizes volumes, so no claim may grow.
pub fn claims_do_not_grow(write: &Attributes<'_>) -> Result<(), Status> {
    let kind = &write.row.kind;
    let (Some(old), Some(new)) = (write.old, write.new) else { return Ok(()) };
    if (&*kind.group, &*kind.plural) == ("", "persistentvolumeclaims") && storage_request(new) > storage_request(old) {
        let detail = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
            support resize";
        return write.refuse(detail.to_owned());
    }
    Ok(())
}

/// An agent lets go of a volume of its own node when the directory is removed, and changes nothing else.
pub fn restrict_node(write: &Attributes<'_>, node: &str) -> Result<(), Status> {
    let refuse = || write.refuse(format!("node {node:?} can only remove its finalizer from volumes that are on it"));
    let (Some(old), Some(new)) = (write.old, write.new) else { return refuse() };
    let of = json::text(json::at(old, &["metadata", "labels"]), NODE_LABEL);
    if of != node || !json::has(json::get(old, "metadata"), "deletionTimestamp") {
        return refuse();
    }
    if json::equivalent(&without_finalizer(old), &without_finalizer(new)) { Ok(()) } else { refuse() }
}

fn without_finalizer(volume: &Value) -> Value {
    let mut volume = volume.clone();
    if let Some(metadata) = volume.get_mut("metadata") {
        json::remove(metadata, "managedFields");
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|finalizer| finalizer != AGENTS_FINALIZER);
        }
    }
    volume
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::identity::Identity;
    use crate::kinds::Table;

    fn write(plural: &str, old: &Value, new: &Value) -> Result<(), String> {
        let table = Table::builtin();
        let row = table.by_plural("", "v1", plural).expect("a row");
        let identity = Identity::node("n1");
        let attributes = Attributes { identity: &identity, row, old: Some(old), new: Some(new), grace_period: None };
        match plural {
            "persistentvolumes" => restrict_node(&attributes, "n1").map_err(|status| status.message),
            _ => claims_do_not_grow(&attributes).map_err(|status| status.message),
        }
    }

    #[test]
    fn no_claim_grows() {
        let claim =
            |size: &str| json!({"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": size}}}});
        assert_eq!(write("persistentvolumeclaims", &claim("1Gi"), &claim("1024Mi")), Ok(()));
        assert_eq!(
            write("persistentvolumeclaims", &claim("1Gi"), &claim("2Gi")),
            Err("persistentvolumeclaims \"c\" is forbidden: only dynamically provisioned pvc can be resized and the \
                storageclass that provisions the pvc must support resize"
                .to_owned())
        );
    }

    #[test]
    fn an_agent_lets_go_of_its_own_ended_volumes_and_no_others() {
        let volume = |node: &str, deleted: bool, finalizers: &[&str]| {
            let mut o = json!({"metadata": {"name": "pv", "labels": {NODE_LABEL: node}, "finalizers": finalizers},
                "spec": {"local": {"path": "/d"}}});
            if deleted {
                o["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            o
        };
        let mine = volume("n1", true, &[AGENTS_FINALIZER]);
        assert_eq!(write("persistentvolumes", &mine, &volume("n1", true, &[])), Ok(()));
        let mut moved = volume("n1", true, &[]);
        moved["spec"]["local"]["path"] = "/etc".into();
        for (old, new) in [
            (mine.clone(), moved),
            (volume("n2", true, &[AGENTS_FINALIZER]), volume("n2", true, &[])),
            (volume("n1", false, &[AGENTS_FINALIZER]), volume("n1", false, &[])),
            (volume("n1", true, &[AGENTS_FINALIZER, "kubernetes.io/pv-protection"]), volume("n1", true, &[])),
        ] {
            assert!(write("persistentvolumes", &old, &new).is_err(), "{old} {new}");
        }
    }
}
