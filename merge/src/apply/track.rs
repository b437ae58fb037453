//! Owners by update: everybody who writes without applying.

use serde_json::{Map, Value};
use timonier_api::schema::Schema;

use super::Manager;
use super::compare::{Comparison, compare, created};
use super::fieldset::FieldSet;
use super::managers::{Entry, Managers, Operation, clear, is_reset, stored};

/// Brings `metadata.managedFields` of `new` up to date after a create (`old` is `None`), update or patch: the manager
/// owns what it changed, and alone; nobody owns what is gone.
///
/// A client may rewrite the entries, or forget them all with `[{}]`, except through a subresource. An object whose
/// owners were forgotten is not tracked again until somebody applies to it.
pub fn track(old: Option<&Value>, new: &mut Value, manager: &Manager<'_>, schema: &Schema) {
    let Some(mut managers) = base(old, new, manager) else {
        clear(new);
        return;
    };
    let comparison = match old {
        Some(old) => compare(old, new, schema),
        None => Comparison { changed: created(new, schema), removed: FieldSet::default() },
    };
    if comparison.is_empty() && stored(new) == old.and_then(stored) {
        return;
    }
    let Comparison { mut changed, removed } = comparison;
    disregard(&mut changed, manager.subresource);

    managers.disown(&removed);
    if !changed.is_empty() {
        let mut set = managers.take(manager, Operation::Update).map(|entry| entry.set).unwrap_or_default();
        managers.disown(&changed);
        set.unite(&changed);
        managers.push(Entry::new(manager, Operation::Update, set));
        managers.cap();
    }
    managers.store(new);
}

/// The entries to start from; `None`: this object is not tracked.
fn base(old: Option<&Value>, new: &Value, manager: &Manager<'_>) -> Option<Managers> {
    let of_old = || old.and_then(Managers::of).unwrap_or_default();
    let managers = if !manager.subresource.is_empty() {
        of_old()
    } else if is_reset(new) {
        Managers::default()
    } else if stored(new) == old.and_then(stored) {
        of_old()
    } else {
        // A client that knows nothing of the field must not delete it by sending an object without it.
        Managers::of(new).filter(|sent| !sent.is_empty()).unwrap_or_else(of_old)
    };
    (old.is_none() || !managers.is_empty()).then_some(managers)
}

/// Takes out what a write through this subresource cannot set, so that nobody comes to own it that way.
pub(super) fn disregard(set: &mut FieldSet, subresource: &str) {
    for field in not_written(subresource) {
        set.remove(&super::element::field(field));
    }
}

/// The same for an applied configuration.
pub(super) fn without_disregarded(config: &Value, subresource: &str) -> Value {
    let mut config = match config {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    for field in not_written(subresource) {
        config.remove(*field);
    }
    Value::Object(config)
}

fn not_written(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "" => &["status"],
        "status" => &["spec"],
        _ => &[],
    }
}
