//! Removing what a manager applied before and no longer does.

use std::collections::HashMap;

use serde_json::{Map, Value};
use timonier_api::schema::Schema;

use super::fieldset::FieldSet;
use super::walk::{Depth, View, is_declared, member, view};

/// Removes from `object` the paths of `last` that are not in `kept`, the union of what all managers now own.
///
/// A struct's field counts as owned with anything inside it, an item of a list or a key of a map only by itself:
/// who removes an item removes all of it, whoever set something in it.
pub(super) fn remove(schema: &Schema, object: &mut Value, last: &FieldSet, kept: &FieldSet, depth: Depth) {
    match view(schema, object) {
        View::Leaf => {}
        View::Members(_) => {
            if let Value::Object(members) = object {
                remove_members(schema, members, last, kept, depth);
            }
        }
        View::Items(items, kind) => {
            let names = items.iter().enumerate();
            let places: HashMap<Box<str>, usize> =
                names.map(|(index, item)| (kind.element_at(item, index), index)).collect();
            let Value::Array(items) = object else {
                return;
            };
            let nothing = FieldSet::default();
            let mut gone = vec![false; items.len()];
            for (element, ours) in last.children() {
                let Some(&index) = places.get(element) else {
                    continue;
                };
                let theirs = kept.child(element);
                if ours.owned() && !theirs.is_some_and(FieldSet::owned) {
                    gone[index] = true;
                } else {
                    let theirs = theirs.unwrap_or(&nothing);
                    remove(kind.items(), &mut items[index], ours, theirs, Depth::Inside);
                }
            }
            let mut gone = gone.into_iter();
            items.retain(|_| !gone.next().unwrap_or(false));
        }
    }
}

fn remove_members(schema: &Schema, members: &mut Map<String, Value>, last: &FieldSet, kept: &FieldSet, depth: Depth) {
    let nothing = FieldSet::default();
    for (element, ours) in last.children() {
        let Some(name) = element.strip_prefix("f:") else {
            continue;
        };
        let Some(value) = members.get_mut(name) else {
            continue;
        };
        let theirs = kept.child(element).unwrap_or(&nothing);
        let declared = is_declared(schema, name);
        let was_ours = ours.owned() || declared;
        let is_kept = theirs.owned() || (declared && !theirs.is_empty());
        let Some(depth) = depth.member(name) else {
            continue;
        };
        // An object's metadata identifies it, whoever may own parts of it.
        if was_ours && !is_kept && depth != Depth::Metadata {
            members.remove(name);
            continue;
        }
        let was_empty = is_empty(value);
        remove(member(schema, name), value, ours, theirs, depth);
        if !was_empty && is_empty(value) && !theirs.owned() {
            members.remove(name);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
