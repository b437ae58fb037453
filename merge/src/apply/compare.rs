//! What a write changed, field by field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use timonier_api::schema::{Field, Schema};

use super::element;
use super::fieldset::FieldSet;
use super::walk::{Depth, Kind, View, member, view};

/// The difference between two states of an object.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Paths whose value is new or another.
    pub changed: FieldSet,
    /// Paths that are gone.
    pub removed: FieldSet,
}

impl Comparison {
    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }

    fn put(&mut self, element: impl FnOnce() -> Box<str>, below: Comparison) {
        if below.is_empty() {
            return;
        }
        let element = element();
        if below.removed.is_empty() {
            self.changed.insert(element, below.changed);
        } else {
            self.changed.insert(element.clone(), below.changed);
            self.removed.insert(element, below.removed);
        }
    }
}

/// Compares two states of an object.
pub(super) fn compare(before: &Value, after: &Value, schema: &Schema) -> Comparison {
    both(schema, before, after, Depth::Object)
}

/// All of a new object, compared with nothing. What every object of its kind has from the start is not new, only
/// what is inside it.
pub(super) fn created(object: &Value, schema: &Schema) -> FieldSet {
    fresh(schema, object, Depth::Object)
}

fn fresh(schema: &Schema, value: &Value, depth: Depth) -> FieldSet {
    let mut set = FieldSet::default();
    match view(schema, value) {
        View::Leaf => set.own(),
        View::Items(..) => {
            set = everything(schema, value, depth);
            set.disown();
        }
        View::Members(members) => {
            let mut fields = schema.fields_in_order();
            for (name, value) in members {
                let Some(depth) = depth.member(name) else {
                    continue;
                };
                let field = fields.find(name);
                let below = if field.is_some_and(is_always_there) { fresh } else { everything };
                set.insert(element::field(name), below(member_of(schema, field, name), value, depth));
            }
        }
    }
    set
}

/// Structs that Kubernetes' types embed by value, and lists that they always write.
pub(super) fn is_always_there(field: &Field) -> bool {
    field.required || matches!(&*field.name, "metadata" | "spec" | "status" | "strategy" | "template")
}

/// The schema of a member, whose field has been looked for.
pub(super) fn member_of<'a>(schema: &'a Schema, field: Option<&'a Field>, name: &str) -> &'a Schema {
    field.map_or_else(|| member(schema, name), Field::schema)
}

/// Every path of a value, itself included: all of it is new, or all of it is gone.
fn everything(schema: &Schema, value: &Value, depth: Depth) -> FieldSet {
    let mut set = FieldSet::this();
    match view(schema, value) {
        View::Leaf => {}
        View::Members(members) => {
            let mut fields = schema.fields_in_order();
            for (name, value) in members {
                if let Some(depth) = depth.member(name) {
                    let schema = member_of(schema, fields.find(name), name);
                    set.insert(element::field(name), everything(schema, value, depth));
                }
            }
        }
        View::Items(items, kind) => {
            let children = items.iter().enumerate().map(|(index, item)| {
                let below = everything(kind.items(), item, Depth::Inside);
                (kind.element_at(item, index), below)
            });
            set = FieldSet::below(children.collect());
            set.own();
        }
    }
    set
}

fn both(schema: &Schema, before: &Value, after: &Value, depth: Depth) -> Comparison {
    match (view(schema, before), view(schema, after)) {
        (View::Members(before), View::Members(after)) => members(schema, before, after, depth),
        (View::Items(before, kind), View::Items(after, _)) => items(before, after, kind),
        (View::Leaf, View::Leaf) if before == after => Comparison::default(),
        (View::Leaf, View::Leaf) => Comparison { changed: FieldSet::this(), removed: FieldSet::default() },
        // A value that turned from one form into another.
        _ => {
            let changed = everything(schema, after, depth);
            let mut removed = everything(schema, before, depth);
            removed.subtract(&changed);
            Comparison { changed, removed }
        }
    }
}

fn members(schema: &Schema, before: &Map<String, Value>, after: &Map<String, Value>, depth: Depth) -> Comparison {
    let mut difference = Comparison::default();
    for (name, new) in after {
        let Some(depth) = depth.member(name) else {
            continue;
        };
        let old = before.get(name);
        // Most of most objects stays as it was.
        if old == Some(new) {
            continue;
        }
        let inner = member(schema, name);
        let below = match old {
            Some(old) => both(inner, old, new, depth),
            None => Comparison { changed: everything(inner, new, depth), removed: FieldSet::default() },
        };
        difference.put(|| element::field(name), below);
    }
    for (name, old) in before {
        if let Some(depth) = depth.member(name)
            && !after.contains_key(name)
        {
            let gone = everything(member(schema, name), old, depth);
            difference.removed.insert(element::field(name), gone);
        }
    }
    difference
}

fn items(before: &[Value], after: &[Value], kind: Kind<'_>) -> Comparison {
    let mut difference = Comparison::default();
    // By far the most lists keep their items and their order: no need to name them all.
    if before.len() == after.len() && before.iter().zip(after).all(|(old, new)| kind.same(old, new)) {
        for (index, (old, new)) in before.iter().zip(after).enumerate() {
            if old == new {
                continue;
            }
            let below = both(kind.items(), old, new, Depth::Inside);
            difference.put(|| kind.element_at(new, index), below);
        }
        return difference;
    }
    let mut old: BTreeMap<Box<str>, &Value> = named(before, kind);
    for (element, new) in named(after, kind) {
        match old.remove(&element) {
            Some(old) => {
                let below = both(kind.items(), old, new, Depth::Inside);
                difference.put(|| element, below);
            }
            None => {
                let new = everything(kind.items(), new, Depth::Inside);
                difference.changed.insert(element, new);
            }
        }
    }
    for (element, gone) in old {
        let gone = everything(kind.items(), gone, Depth::Inside);
        difference.removed.insert(element, gone);
    }
    difference
}

fn named<'a>(items: &'a [Value], kind: Kind<'_>) -> BTreeMap<Box<str>, &'a Value> {
    items.iter().enumerate().map(|(index, item)| (kind.element_at(item, index), item)).collect()
}
