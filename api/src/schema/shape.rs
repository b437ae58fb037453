//! The compact schema: one node a value, cheap to walk.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

/// The schema of one value. Those of definitions are built once and live for ever, see [`Schema::of`]; those of
/// custom resources are made by [`Schema::compile`] and live as long as their kind.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(super) definition: Option<Arc<str>>,
    pub(super) shape: Shape,
    pub(super) key_default: Option<Value>,
}

/// What a value may be.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Any JSON, kept as it is: `RawExtension`, `FieldsV1`, `x-kubernetes-preserve-unknown-fields`.
    Any,
    /// A struct: known fields, sorted by name. `atomic`: owned and replaced as one value.
    Object {
        fields: Arc<[Field]>,
        atomic: bool,
    },
    /// A map from any string to values of one schema. `atomic`: as for a struct.
    Map {
        values: Link,
        atomic: bool,
    },
    List {
        items: Link,
        kind: ListKind,
    },
    String(StringFormat),
    /// 32 or 64 bits, signed.
    Integer {
        bits: u8,
    },
    Number,
    Boolean,
    IntOrString,
    Quantity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringFormat {
    Plain,
    /// Base64.
    Byte,
    /// RFC 3339, whole seconds.
    Time,
    /// RFC 3339 with microseconds.
    MicroTime,
}

/// How the items of a list are told apart (`x-kubernetes-list-type`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// The list is one value.
    Atomic,
    /// Items are scalars, each at most once.
    Set,
    /// Items are objects, no two of which have the same values of these fields.
    Map { keys: Arc<[Box<str>]> },
}

/// What a strategic merge patch does with a field (`x-kubernetes-patch-strategy`, `x-kubernetes-patch-merge-key`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// Lists only: merge instead of replace.
    pub merge: bool,
    /// `$retainKeys` is understood.
    pub retain_keys: bool,
    /// Objects only: replace as a whole.
    pub replace: bool,
    /// What identifies the items of a merged list of objects; `None`: a list of scalars.
    pub merge_key: Option<Box<str>>,
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: Box<str>,
    pub required: bool,
    pub patch: PatchStrategy,
    pub(super) link: Link,
}

/// A schema inside another. Definitions refer to each other, in circles at times, so references are followed when
/// first needed.
#[derive(Debug, Clone)]
pub enum Link {
    Inline(Box<Schema>),
    Definition {
        name: Arc<str>,
        /// Overrules whether the definition is atomic.
        atomic: Option<bool>,
        found: OnceLock<&'static Schema>,
    },
}

/// Any JSON at all: what a value without a schema has.
pub static ANYTHING: Schema = Schema { definition: None, shape: Shape::Any, key_default: None };

impl Schema {
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// `io.k8s.api.core.v1.Pod`, if this is a definition.
    pub fn definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    /// A field of a struct; `None` too if this is no struct.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let Shape::Object { fields, .. } = &self.shape else {
            return None;
        };
        let at = fields.binary_search_by(|field| (*field.name).cmp(name)).ok()?;
        Some(&fields[at])
    }

    /// The fields of a struct, to be asked for one after the other by names that ascend, as those of an object do: two
    /// lists that are walked side by side need no searching.
    pub fn fields_in_order(&self) -> FieldsInOrder<'_> {
        FieldsInOrder(match &self.shape {
            Shape::Object { fields, .. } => fields,
            _ => &[],
        })
    }

    /// The schema of the member `name`, be this a struct or a map.
    pub fn member(&self, name: &str) -> Option<&Schema> {
        match &self.shape {
            Shape::Object { .. } => self.field(name).map(Field::schema),
            Shape::Map { values, .. } => Some(values.schema()),
            Shape::Any => Some(&ANYTHING),
            _ => None,
        }
    }

    /// The schema of the items, if this is a list.
    pub fn items(&self) -> Option<&Schema> {
        match &self.shape {
            Shape::List { items, .. } => Some(items.schema()),
            _ => None,
        }
    }

    /// The schema of the values, if this is a map.
    pub fn additional(&self) -> Option<&Schema> {
        match &self.shape {
            Shape::Map { values, .. } => Some(values.schema()),
            _ => None,
        }
    }

    /// How items are told apart, if this is a list.
    pub fn list_kind(&self) -> Option<&ListKind> {
        match &self.shape {
            Shape::List { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// Whether owners share this value only as a whole. Scalars and values without a schema are.
    pub fn is_atomic(&self) -> bool {
        match &self.shape {
            Shape::Object { atomic, .. } | Shape::Map { atomic, .. } => *atomic,
            Shape::List { kind, .. } => *kind == ListKind::Atomic,
            _ => true,
        }
    }

    pub fn is_int_or_string(&self) -> bool {
        matches!(self.shape, Shape::IntOrString)
    }

    pub fn preserves_unknown_fields(&self) -> bool {
        matches!(self.shape, Shape::Any)
    }

    /// What this value means when it is left out of the key of a list's item, for instance a port's protocol.
    pub fn key_default(&self) -> Option<&Value> {
        self.key_default.as_ref()
    }

    fn with_atomic(&self, wanted: bool) -> Schema {
        let mut schema = self.clone();
        if let Shape::Object { atomic, .. } | Shape::Map { atomic, .. } = &mut schema.shape {
            *atomic = wanted;
        }
        schema
    }
}

/// See [`Schema::fields_in_order`].
pub struct FieldsInOrder<'a>(&'a [Field]);

impl<'a> FieldsInOrder<'a> {
    /// The field `name`, which must not sort before one that was asked for earlier.
    pub fn find(&mut self, name: &str) -> Option<&'a Field> {
        while let Some((field, rest)) = self.0.split_first() {
            match (*field.name).cmp(name) {
                Ordering::Less => self.0 = rest,
                Ordering::Equal => return Some(field),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

impl Field {
    pub fn schema(&self) -> &Schema {
        self.link.schema()
    }
}

impl Link {
    pub(super) fn anything() -> Link {
        Link::Inline(Box::new(ANYTHING.clone()))
    }

    pub fn schema(&self) -> &Schema {
        match self {
            Link::Inline(schema) => schema,
            Link::Definition { name, atomic, found } => found.get_or_init(|| {
                let schema = Schema::of(name).unwrap_or(&ANYTHING);
                match atomic {
                    Some(atomic) => Box::leak(Box::new(schema.with_atomic(*atomic))),
                    None => schema,
                }
            }),
        }
    }
}
