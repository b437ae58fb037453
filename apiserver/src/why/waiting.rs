//! Pods that wait for a node: of those of one controller the first stands for all.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use crate::kinds::Table;
use crate::object::Object;
use crate::query::Query;
use crate::registry::Selection;

pub struct Group {
    /// By its name.
    pub first: Arc<Object>,
    /// How many more there are.
    pub others: usize,
}

/// What is read of each.
#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    uid: String,
    deletion_timestamp: Option<String>,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    uid: String,
    #[serde(default)]
    controller: bool,
}

/// Those that a query's selectors select, by namespace and name of the first.
pub fn by_controller(kinds: &Table, state: &Snapshot, namespace: &str, query: &Query) -> Result<Vec<Group>, Status> {
    let row = kinds.by_plural("", "v1", "pods").ok_or_else(Status::no_such_path)?;
    let selection = Selection::of(row, row, query, namespace, "")?;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    // In the order of the keys, which is that of namespaces and names.
    for entry in state.range(&selection.prefix, None) {
        let object = Object::of(entry)?;
        let waits = object.index.field("spec.nodeName").is_empty() && object.index.field("status.phase") == "Pending";
        if !waits || !selection.matches(&object) {
            continue;
        }
        let Pod { metadata } = serde_json::from_slice(&object.served()).map_err(Status::internal)?;
        if metadata.deletion_timestamp.is_some() {
            continue;
        }
        let controller = metadata.owner_references.into_iter().find(|owner| owner.controller);
        let uid = controller.map_or(metadata.uid, |owner| owner.uid);
        match groups.get_mut(&uid) {
            Some(group) => group.others += 1,
            None => drop(groups.insert(uid, Group { first: object, others: 0 })),
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|a, b| {
        let key = |group: &Group| (group.first.index.namespace().to_string(), group.first.index.name().to_string());
        key(a).cmp(&key(b))
    });
    Ok(groups)
}
