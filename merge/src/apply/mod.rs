//! Server-side apply and the tracking of who owns which field.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::schema::Schema;

/// Who writes: what an entry of `metadata.managedFields` is keyed by, and when.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    /// `fieldManager` of the request.
    pub name: &'a str,
    /// `apiVersion` the request spoke, for instance `apps/v1`.
    pub api_version: &'a str,
    /// `""`, `status`, `scale`, …
    pub subresource: &'a str,
    pub time: Timestamp,
}

/// A field that another manager owns and that the applied configuration would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub manager: String,
    pub api_version: String,
    pub subresource: String,
    /// Set for owners by update only, as Kubernetes shows it.
    pub time: Option<Timestamp>,
    /// As Kubernetes writes paths: `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The server answers 409 with a cause for each.
    #[error("Apply failed with {} conflict(s)", .0.len())]
    Conflicts(Vec<Conflict>),
    /// The applied configuration does not fit the schema, or repeats a key in a keyed list.
    #[error("{path}: {detail}")]
    Malformed { path: String, detail: String },
}

/// Applies a configuration: sets what `applied` says, removes what this manager applied before and no longer does,
/// and returns the new object with `metadata.managedFields`.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    _manager: &Manager<'_>,
    _force: bool,
    _schema: &Schema,
) -> Result<Value, ApplyError> {
    Ok(crate::merge_patch(live.unwrap_or(&Value::Null), applied))
}

/// Brings `metadata.managedFields` of `new` up to date after a create, update or patch by a manager that does not apply.
pub fn track(_old: Option<&Value>, _new: &mut Value, _manager: &Manager<'_>, _schema: &Schema) {}
