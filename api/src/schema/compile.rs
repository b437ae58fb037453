//! From a definition as JSON to the compact [`Schema`]. Also reads the schemas of custom resources, which use the
//! same words.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::definitions::REFERENCE;
use super::shape::{Field, Link, ListKind, PatchStrategy, Schema, Shape, StringFormat};

/// Definitions whose JSON form is any JSON at all, whatever their schema says.
const ANYTHING: &[&str] = &[
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
];

impl Schema {
    /// Reads an OpenAPI v3 schema with `x-kubernetes-*` marks. `definition` is its name, if it has one.
    pub fn compile(definition: Option<&str>, json: &Value) -> Schema {
        Schema {
            shape: shape(definition, json),
            definition: definition.map(Arc::from),
            key_default: json.get("default").cloned(),
        }
    }
}

fn shape(definition: Option<&str>, json: &Value) -> Shape {
    let is = |mark: &str| json.get(mark).and_then(Value::as_bool).unwrap_or(false);
    match definition {
        Some(name) if ANYTHING.contains(&name) => return Shape::Any,
        Some("io.k8s.apimachinery.pkg.api.resource.Quantity") => return Shape::Quantity,
        Some("io.k8s.apimachinery.pkg.util.intstr.IntOrString") => return Shape::IntOrString,
        Some("io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime") => {
            return Shape::String(StringFormat::MicroTime);
        }
        _ => {}
    }
    // Of a struct that keeps more than it declares, the declared fields still have their schemas.
    if is("x-kubernetes-preserve-unknown-fields") && json.get("properties").is_none() {
        return Shape::Any;
    }
    if is("x-kubernetes-int-or-string") {
        return Shape::IntOrString;
    }
    match text(json, "type") {
        Some("object") => object(json),
        Some("array") => Shape::List { items: json.get("items").map_or(Link::anything(), link), kind: list_kind(json) },
        Some("string") => Shape::String(match text(json, "format") {
            Some("byte") => StringFormat::Byte,
            // Custom resources keep such strings as they were written; only Kubernetes' own types rewrite them.
            Some("date-time") if definition.is_some() => StringFormat::Time,
            _ => StringFormat::Plain,
        }),
        Some("integer") => Shape::Integer { bits: if text(json, "format") == Some("int32") { 32 } else { 64 } },
        Some("number") => Shape::Number,
        Some("boolean") => Shape::Boolean,
        _ => Shape::Any,
    }
}

fn object(json: &Value) -> Shape {
    let atomic = text(json, "x-kubernetes-map-type") == Some("atomic");
    match json.get("additionalProperties") {
        Some(values @ Value::Object(_)) => return Shape::Map { values: link(values), atomic },
        Some(Value::Bool(true)) => return Shape::Map { values: Link::anything(), atomic },
        _ => {}
    }
    let required: Vec<&str> = json
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut fields: Vec<Field> = json
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| Field {
            name: name.as_str().into(),
            required: required.contains(&name.as_str()),
            patch: patch_strategy(schema),
            link: link(schema),
        })
        .collect();
    fields.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Shape::Object { fields: fields.into(), atomic }
}

fn link(json: &Value) -> Link {
    let Some(name) = text(json, "$ref").and_then(|target| target.strip_prefix(REFERENCE)) else {
        return Link::Inline(Box::new(Schema::compile(None, json)));
    };
    Link::Definition {
        name: name.into(),
        atomic: text(json, "x-kubernetes-map-type").map(|kind| kind == "atomic"),
        found: OnceLock::new(),
    }
}

fn list_kind(json: &Value) -> ListKind {
    match text(json, "x-kubernetes-list-type") {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Map {
            keys: json
                .get("x-kubernetes-list-map-keys")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(Into::into)
                .collect(),
        },
        _ => ListKind::Atomic,
    }
}

fn patch_strategy(json: &Value) -> PatchStrategy {
    let strategies = text(json, "x-kubernetes-patch-strategy").unwrap_or_default();
    let has = |name: &str| strategies.split(',').any(|strategy| strategy == name);
    PatchStrategy {
        merge: has("merge"),
        retain_keys: has("retainKeys"),
        replace: has("replace"),
        merge_key: text(json, "x-kubernetes-patch-merge-key").map(Into::into),
    }
}

fn text<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Value::as_str)
}
