//! Owners by update: everybody who writes without applying.

use std::borrow::Cow;

use serde_json::Value;
use timonier_api::schema::Schema;

use super::Manager;
use super::compare::{Comparison, compare, created};
use super::creator;
use super::fieldset::FieldSet;
use super::managers::{Entry, Managers, Operation, is_reset, stored, take};

/// Brings `metadata.managedFields` of `new` up to date after a create (`old` is `None`), update or patch: the manager
/// owns what it changed, and alone; nobody owns what is gone.
///
/// A client may rewrite the entries, or forget them all with `[{}]`, except through a subresource. An object whose
/// owners were forgotten is not tracked again until somebody applies to it.
pub fn track(old: Option<&Value>, new: &mut Value, manager: &Manager<'_>, schema: &Schema) {
    if old.is_none()
        && stored(new).is_empty()
        && let Ok(text) = creator::text(new, schema, not_written(manager.subresource))
    {
        if !text.is_empty() {
            let mut managers = Managers::default();
            managers.push(Entry::written(manager, Operation::Update, text));
            managers.store(new);
        }
        return;
    }
    let Comparison { mut changed, removed } = match old {
        Some(old) => compare(old, new, schema),
        None => Comparison { changed: created(new, schema), removed: FieldSet::default() },
    };
    let before = old.map_or(&[][..], stored);
    let same_entries = stored(new) == before;
    if changed.is_empty() && removed.is_empty() && same_entries {
        return;
    }
    let sent = take(new);
    let mut managers = if same_entries { Managers::of(sent).unwrap_or_default() } else { base(before, sent, manager) };
    if managers.is_empty() && old.is_some() {
        return;
    }
    disregard(&mut changed, manager.subresource);
    managers.disown(&removed);
    if !changed.is_empty() {
        let own = managers.take(manager, Operation::Update);
        managers.disown(&changed);
        if let Some(own) = own {
            changed.unite(&own.set());
        }
        managers.push(Entry::new(manager, Operation::Update, changed));
        managers.cap();
    }
    managers.store(new);
}

/// The entries to start from when a client sent others than the object has.
fn base(before: &[Value], sent: Vec<Value>, manager: &Manager<'_>) -> Managers {
    let of_old = || Managers::of(before.to_vec()).unwrap_or_default();
    if !manager.subresource.is_empty() {
        return of_old();
    }
    if is_reset(&sent) {
        return Managers::default();
    }
    // A client that knows nothing of the field must not delete it by sending an object without it.
    Managers::sent(sent).filter(|sent| !sent.is_empty()).unwrap_or_else(of_old)
}

/// Takes out what a write through this subresource cannot set, so that nobody comes to own it that way.
pub(super) fn disregard(set: &mut FieldSet, subresource: &str) {
    for field in not_written(subresource) {
        set.remove(&super::element::field(field));
    }
}

/// The same for an applied configuration.
pub(super) fn without_disregarded<'a>(config: &'a Value, subresource: &str) -> Cow<'a, Value> {
    let disregarded = not_written(subresource);
    if !disregarded.iter().any(|field| config.get(field).is_some()) {
        return Cow::Borrowed(config);
    }
    let mut config = config.clone();
    if let Value::Object(members) = &mut config {
        members.retain(|name, _| !disregarded.contains(&&**name));
    }
    Cow::Owned(config)
}

fn not_written(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "" => &["status"],
        "status" => &["spec"],
        _ => &[],
    }
}
