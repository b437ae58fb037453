//! Conflicts, in the words in which Kubernetes' users know them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::fieldset::FieldSet;
use super::managers::{Entry, Operation};

/// A field that another manager owns and that the applied configuration would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub manager: String,
    pub operation: Operation,
    pub api_version: String,
    pub subresource: String,
    /// When an owner by update last wrote. Kubernetes does not print it.
    pub time: Option<Timestamp>,
    /// As Kubernetes writes paths: `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
}

impl Conflict {
    pub(super) fn with(owner: &Entry, fields: &FieldSet) -> Vec<Conflict> {
        fields
            .paths()
            .into_iter()
            .map(|path| Conflict {
                manager: owner.manager.clone(),
                operation: owner.operation,
                api_version: owner.api_version.clone(),
                subresource: owner.subresource.clone(),
                time: match owner.operation {
                    Operation::Apply => None,
                    Operation::Update => owner.time.as_deref().and_then(|time| time.parse().ok()),
                },
                path,
            })
            .collect()
    }

    /// The owner alone: `"kubectl" with subresource "status" using apps/v1`.
    fn owner(&self) -> String {
        let mut owner = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            owner.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            owner.push_str(" using ");
            owner.push_str(&self.api_version);
        }
        owner
    }
}

/// What a cause of the server's answer says; its field is the path.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {}", self.owner())
    }
}

/// The message of the server's answer.
pub(super) fn message(conflicts: &[Conflict]) -> String {
    if let [conflict] = conflicts {
        return format!("Apply failed with 1 conflict: {conflict}: {}", conflict.path);
    }
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for conflict in conflicts {
        owners.entry(conflict.owner()).or_default().push(&conflict.path);
    }
    let sections: Vec<String> =
        owners.into_iter().map(|(owner, paths)| format!("conflicts with {owner}:\n- {}", paths.join("\n- "))).collect();
    format!("Apply failed with {} conflicts: {}", conflicts.len(), sections.join("\n"))
}
