//! Definitions as JSON: what `schemars` says of the types, with the marks of [`super::marks`] added.
//!
//! This is the one form from which both the compact [`super::Schema`] and the OpenAPI documents are made.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::marks::{self, List};
use super::roots::{Identity, ROOTS, Root};

pub(super) const REFERENCE: &str = "#/definitions/";

/// A generator whose references are `#/definitions/NAME` and that changes nothing behind our back.
pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft07()
        .with(|settings| {
            settings.definitions_path = "/definitions".into();
            settings.transforms.clear();
        })
        .into_generator()
}

/// The root that is this definition.
pub(super) fn root(definition: &str) -> Option<&'static Root> {
    ROOTS.iter().find(|root| (root.definition)() == definition)
}

/// The definitions of these roots and all that they refer to, marked.
pub(super) fn closure<'a>(roots: impl IntoIterator<Item = &'a Root>) -> BTreeMap<String, Value> {
    let mut generator = generator();
    let mut lists = Vec::new();
    for root in roots {
        (root.generate)(&mut generator);
        if let Identity::Listed(gvk, kind) = &root.identity {
            let item = (root.definition)();
            lists.push((list_name(&item, kind), list(&item, gvk.kind)));
        }
    }
    if !lists.is_empty() {
        generator.subschema_for::<k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta>();
    }
    let mut definitions: BTreeMap<String, Value> = generator
        .take_definitions(false)
        .into_iter()
        .chain(lists)
        .map(|(name, definition)| marked(name, definition))
        .collect();
    for root in ROOTS {
        identify(root, &mut definitions);
    }
    definitions
}

/// Adds the marks of [`super::marks`] to a definition as it came from the generator.
pub(super) fn marked(name: String, mut definition: Value) -> (String, Value) {
    if marks::is_atomic(&name) {
        set(&mut definition, "x-kubernetes-map-type", "atomic".into());
    }
    if let Some(one) = marks::union(&name) {
        set(&mut definition, "x-kubernetes-unions", union(one));
    }
    require(&name, &mut definition);
    if let Some(Value::Object(properties)) = definition.get_mut("properties") {
        for (field, schema) in properties {
            let is_list = schema.get("items").is_some() && !(name.ends_with("List") && field == "items");
            mark(schema, &marks::of_field(&name, field, is_list));
            if let Some(default) = marks::key_default(&name, field) {
                set(schema, "default", default.into());
            }
        }
    }
    (name, definition)
}

/// Corrects which fields are required.
fn require(name: &str, definition: &mut Value) {
    let Value::Object(definition) = definition else {
        return;
    };
    if let Some(Value::Array(required)) = definition.get_mut("required") {
        required.retain(|field| !field.as_str().is_some_and(|field| marks::may_be_left_out(name, field)));
        if required.is_empty() {
            definition.remove("required");
        }
    }
    if name == "io.k8s.api.events.v1.Event" {
        definition.insert("required".into(), json!(["eventTime"]));
    }
}

fn union(one: &marks::Union) -> Value {
    let fields: Map<String, Value> =
        one.fields.iter().map(|(field, value)| ((*field).to_owned(), Value::from(*value))).collect();
    let mut union = Map::new();
    if let Some(discriminator) = one.discriminator {
        union.insert("discriminator".into(), discriminator.into());
    }
    union.insert("fields-to-discriminateBy".into(), fields.into());
    Value::Array(vec![union.into()])
}

fn mark(schema: &mut Value, marks: &marks::Marks) {
    match marks.list {
        Some(List::Atomic) => set(schema, "x-kubernetes-list-type", "atomic".into()),
        Some(List::Set) => set(schema, "x-kubernetes-list-type", "set".into()),
        Some(List::Keyed(keys)) => {
            set(schema, "x-kubernetes-list-type", "map".into());
            set(schema, "x-kubernetes-list-map-keys", json!(keys));
        }
        None => {}
    }
    if let Some(atomic) = marks.atomic_map {
        let kind = if atomic { "atomic" } else { "granular" };
        set(schema, "x-kubernetes-map-type", kind.into());
    }
    if let Some(key) = marks.merge_key {
        set(schema, "x-kubernetes-patch-merge-key", key.into());
    }
    let strategy = match (marks.merge, marks.retain_keys, marks.replace) {
        (true, true, _) => "merge,retainKeys",
        (true, false, _) => "merge",
        (false, true, _) => "retainKeys",
        (false, false, true) => "replace",
        (false, false, false) => return,
    };
    set(schema, "x-kubernetes-patch-strategy", strategy.into());
}

fn set(schema: &mut Value, name: &str, value: Value) {
    if let Value::Object(schema) = schema {
        schema.insert(name.to_owned(), value);
    }
}

/// The name of the definition of a root's lists, if it has lists.
pub(super) fn list_of(root: &Root) -> Option<String> {
    match &root.identity {
        Identity::Listed(_, kind) => Some(list_name(&(root.definition)(), kind)),
        Identity::None | Identity::Kind(_) | Identity::EveryGroup(_) => None,
    }
}

/// `io.k8s.api.core.v1.Pod` and `PodList` → `io.k8s.api.core.v1.PodList`.
fn list_name(item: &str, list_kind: &str) -> String {
    match item.rsplit_once('.') {
        Some((package, _)) => format!("{package}.{list_kind}"),
        None => list_kind.to_owned(),
    }
}

fn list(item: &str, kind: &str) -> Value {
    json!({
        "description": format!("A list of objects of kind {kind}."),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The version of the API in which this list is written."},
            "kind": {"type": "string", "description": "The kind of this list."},
            "items": {
                "type": "array",
                "description": "The objects.",
                "items": {"$ref": format!("{REFERENCE}{item}")},
            },
            "metadata": {
                "$ref": format!("{REFERENCE}io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"),
                "description": "The list's resource version, and how to continue it.",
            },
        },
    })
}

/// Says which group, version and kind a definition is, where it is one.
fn identify(root: &Root, definitions: &mut BTreeMap<String, Value>) {
    let name = (root.definition)();
    let mut put = |name: &str, identities: Vec<Value>| {
        if let Some(definition) = definitions.get_mut(name) {
            set(definition, "x-kubernetes-group-version-kind", identities.into());
        }
    };
    match &root.identity {
        Identity::None => {}
        Identity::Kind(gvk) => put(&name, vec![identity(gvk.group, gvk.version, gvk.kind)]),
        Identity::Listed(gvk, list) => {
            put(&name, vec![identity(gvk.group, gvk.version, gvk.kind)]);
            put(&list_name(&name, list), vec![identity(gvk.group, gvk.version, list)]);
        }
        Identity::EveryGroup(kind) => put(&name, group_versions().map(|(g, v)| identity(g, v, kind)).collect()),
    }
}

fn identity(group: &str, version: &str, kind: &str) -> Value {
    let mut identity = Map::new();
    identity.insert("group".into(), group.into());
    identity.insert("kind".into(), kind.into());
    identity.insert("version".into(), version.into());
    Value::Object(identity)
}

/// The groups and versions of all roots, each once, sorted.
fn group_versions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut all: Vec<_> = ROOTS
        .iter()
        .filter_map(|root| match &root.identity {
            Identity::Kind(gvk) | Identity::Listed(gvk, _) => Some((gvk.group, gvk.version)),
            Identity::None | Identity::EveryGroup(_) => None,
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}
