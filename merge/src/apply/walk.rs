//! Objects as owners see them: what is one value, and what is made of parts that may have different owners.

use std::collections::HashSet;

use serde_json::{Map, Value};
use timonier_api::schema::{ANYTHING, ListKind, Schema, Shape};

use super::element;
use super::fieldset::FieldSet;

/// One value under its schema.
pub(super) enum View<'s, 'v> {
    /// Owned and replaced as a whole.
    Leaf,
    /// A struct or a map.
    Members(&'v Map<String, Value>),
    /// A list whose items have owners of their own.
    Items(&'v [Value], Kind<'s>),
}

#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Set,
    Keyed(&'a [Box<str>], &'a Schema),
}

pub(super) fn view<'s, 'v>(schema: &'s Schema, value: &'v Value) -> View<'s, 'v> {
    match (schema.shape(), value) {
        (Shape::Object { atomic: false, .. } | Shape::Map { atomic: false, .. }, Value::Object(members)) => {
            View::Members(members)
        }
        // Without a schema, objects are taken apart and lists are not. Kubernetes' own raw types are one value.
        (Shape::Any, Value::Object(members)) if schema.definition().is_none() => View::Members(members),
        (Shape::List { items, kind }, Value::Array(list)) => match kind {
            ListKind::Atomic => View::Leaf,
            ListKind::Set => View::Items(list, Kind::Set),
            ListKind::Map { keys } => View::Items(list, Kind::Keyed(keys, items.schema())),
        },
        _ => View::Leaf,
    }
}

impl<'s> Kind<'s> {
    /// The element that names an item.
    pub fn element(&self, item: &Value) -> Result<Box<str>, String> {
        match self {
            Kind::Set => Ok(element::value(item)),
            Kind::Keyed(keys, schema) => element::keyed(item, keys, schema),
        }
    }

    /// The same for an object that was accepted long ago: what has no name is named by its place.
    pub fn element_at(&self, item: &Value, index: usize) -> Box<str> {
        self.element(item).unwrap_or_else(|_| format!("i:{index}").into())
    }

    /// Whether two items have the same name.
    pub fn same(&self, a: &Value, b: &Value) -> bool {
        match self {
            Kind::Set => a == b,
            Kind::Keyed(keys, schema) => element::same_keys(a, b, keys, schema),
        }
    }

    /// The schema of the items.
    pub fn items(&self) -> &'s Schema {
        match self {
            Kind::Set => &ANYTHING,
            Kind::Keyed(_, schema) => schema,
        }
    }
}

/// Whether a member is a field that a struct declares, not just a key of a map.
pub(super) fn is_declared(schema: &Schema, name: &str) -> bool {
    schema.field(name).is_some()
}

pub(super) fn member<'a>(schema: &'a Schema, name: &str) -> &'a Schema {
    schema.member(name).unwrap_or(&ANYTHING)
}

/// How deep in the object a walk is, as far as that matters for fields that nobody owns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Object,
    Metadata,
    Inside,
}

impl Depth {
    /// The depth of a member, or `None` if nobody ever owns it: what identifies an object or is written by the server.
    pub fn member(self, name: &str) -> Option<Depth> {
        match (self, name) {
            (Depth::Object, "apiVersion" | "kind") => None,
            (Depth::Object, "metadata") => Some(Depth::Metadata),
            (
                Depth::Metadata,
                "name" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp" | "generation" | "managedFields"
                | "selfLink" | "clusterName",
            ) => None,
            _ => Some(Depth::Inside),
        }
    }
}

/// A fault in an applied configuration, and where.
#[derive(Debug)]
pub(super) struct Malformed {
    pub path: String,
    pub detail: String,
}

impl Malformed {
    fn inside(mut self, element: &str) -> Malformed {
        self.path.insert_str(0, &element::display(element));
        self
    }
}

/// The paths that an applied configuration names: its leaves, the items of its lists and the keys of its maps.
pub(super) fn fields_of(schema: &Schema, value: &Value, depth: Depth) -> Result<FieldSet, Malformed> {
    let mut set = FieldSet::default();
    match view(schema, value) {
        View::Leaf => set.own(),
        View::Members(members) => {
            for (name, member_value) in members {
                let Some(depth) = depth.member(name) else {
                    continue;
                };
                let element = element::field(name);
                let mut below =
                    fields_of(member(schema, name), member_value, depth).map_err(|fault| fault.inside(&element))?;
                let empty = match member_value {
                    Value::Object(members) => members.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    _ => false,
                };
                // The object's own metadata, empty once its name is left out, is nobody's.
                if (empty && depth == Depth::Inside) || !is_declared(schema, name) {
                    below.own();
                }
                set.insert(element, below);
            }
        }
        View::Items(items, kind) => {
            let mut seen = HashSet::new();
            let mut children = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let at = |detail: String| Malformed { path: format!("[{index}]"), detail };
                let element = kind.element(item).map_err(at)?;
                if !seen.insert(element.clone()) {
                    return Err(at(format!("duplicate entries for key {}", element::display(&element))));
                }
                let mut below = fields_of(kind.items(), item, Depth::Inside).map_err(|fault| fault.inside(&element))?;
                below.own();
                children.push((element, below));
            }
            set = FieldSet::below(children);
        }
    }
    Ok(set)
}
