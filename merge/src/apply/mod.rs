//! Server-side apply, and the tracking of who owns which field.
//!
//! Sources of the rules: the Kubernetes documentation, "Server-Side Apply", and its `structured-merge-diff`.
//! In an object that these functions return, each `fieldsV1` is the *text* of that JSON, as a string: most writes leave
//! it as it is, and whoever writes the object down writes that text. They take it in both forms.
//!
//! Reading order: `element` and [`fieldset`] (paths and sets of them), `walk` (what in an object has owners),
//! `compare`, `combine` and `remove` (the three operations on objects), `managers` (`metadata.managedFields`), then
//! the two sentences: [`track`] for all who update, [`apply`] for all who apply.

mod client_side;
mod combine;
mod compare;
mod conflict;
mod creator;
mod element;
pub mod fieldset;
mod managers;
mod remove;
mod track;
mod walk;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value};
use timonier_api::schema::Schema;

use combine::combine;
use compare::{compare, created};
use managers::{Entry, Managers, take};
use remove::remove;
use walk::{Depth, Malformed, fields_of};

pub use conflict::Conflict;
pub use managers::Operation;
pub use track::track;

/// Owner of all that an object had before anybody applied to it, if nobody was recorded.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who writes: what an entry of `metadata.managedFields` is keyed by, and when.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    /// `fieldManager` of the request, or what stands for it.
    pub name: &'a str,
    /// The version that the request speaks, for instance `apps/v1`.
    pub api_version: &'a str,
    /// `""`, `status`, `scale`, …
    pub subresource: &'a str,
    /// Kept in whole seconds.
    pub time: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The server answers 409 with a cause for each.
    #[error("{}", conflict::message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration cannot be applied: it repeats an item of a keyed list, or sets what nobody may.
    #[error("{path}: {detail}")]
    Malformed { path: String, detail: String },
}

impl From<Malformed> for ApplyError {
    fn from(fault: Malformed) -> ApplyError {
        ApplyError::Malformed { path: fault.path, detail: fault.detail }
    }
}

/// Applies a configuration: sets what `applied` says, removes what this manager applied before and no longer does
/// unless others own it too, and returns the new object with `metadata.managedFields`.
///
/// `live` is `None` if the object does not exist yet. `applied` has been pruned and has no `metadata.managedFields`.
/// Without `force`, changing what another manager owns is a conflict; with it, the other loses the field.
/// When nothing changes, neither does a timestamp: the result equals `live`.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    manager: &Manager<'_>,
    force: bool,
    schema: &Schema,
) -> Result<Value, ApplyError> {
    if applied.pointer("/metadata/managedFields").is_some() {
        return Err(ApplyError::Malformed { path: ".metadata.managedFields".into(), detail: "must be nil".into() });
    }
    let config = track::without_disregarded(applied, manager.subresource);
    let owned = fields_of(schema, &config, Depth::Object)?;
    let nothing = Value::Object(Map::new());
    let before = live.unwrap_or(&nothing);
    let mut object = before.clone();
    let mut managers = Managers::of(take(&mut object)).unwrap_or_default();
    if managers.is_empty() && live.is_some() {
        managers.push(unknown(&object, manager, schema));
    }
    let last = managers.take(manager, Operation::Apply);
    let same_set = |last: &Entry| last.is_exactly(&owned) && last.api_version == manager.api_version;

    combine(schema, &mut object, &config);
    if let Some(last) = &last
        && !same_set(last)
    {
        let mut kept = managers.union();
        kept.unite(&owned);
        remove(schema, &mut object, &last.set(), &kept, Depth::Object);
    }
    let comparison = compare(before, &object, schema);
    if !force {
        let conflicts =
            managers.iter().flat_map(|owner| Conflict::with(owner, &owner.shared(&comparison.changed))).collect();
        let conflicts = client_side::allow(conflicts, before, manager.name, schema);
        if !conflicts.is_empty() {
            return Err(ApplyError::Conflicts(conflicts));
        }
    }
    client_side::follow(&mut object, applied, manager.name);
    managers.disown(&comparison.changed);
    managers.disown(&comparison.removed);
    managers.push(match last {
        Some(last) if same_set(&last) && same_but_for_owners(before, &object) => last,
        _ => Entry::new(manager, Operation::Apply, owned),
    });
    managers.store(&mut object);
    Ok(object)
}

/// The owner of an object that nobody tracked.
fn unknown(live: &Value, manager: &Manager<'_>, schema: &Schema) -> Entry {
    let unknown = Manager { name: BEFORE_FIRST_APPLY, ..*manager };
    Entry::new(&unknown, Operation::Update, created(live, schema))
}

/// Also in what nobody owns and in the order of lists, which [`compare`] passes over.
fn same_but_for_owners(before: &Value, after: &Value) -> bool {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return before == after;
    };
    let same = |(name, value): (&String, &Value)| match (before.get(name), value) {
        (Some(Value::Object(old)), Value::Object(new)) if name == "metadata" => {
            let without =
                |members: &Map<String, Value>| members.len() - usize::from(members.contains_key("managedFields"));
            without(old) == without(new)
                && new.iter().all(|(name, value)| name == "managedFields" || old.get(name) == Some(value))
        }
        (old, new) => old == Some(new),
    };
    before.len() == after.len() && after.iter().all(same)
}
