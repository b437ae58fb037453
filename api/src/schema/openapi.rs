//! Building blocks of the OpenAPI documents: definitions with descriptions and `x-kubernetes-*` marks.
//!
//! Nothing is cached here: a server builds its documents once and keeps them compressed.

use serde_json::{Map, Value, json};

use super::definitions::{REFERENCE, closure, root};

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/// The members of `definitions` of an OpenAPI v2 document for these kinds (names of definitions, for instance
/// `io.k8s.api.core.v1.Pod`) and their lists, with all that they refer to. Names that we do not know are left out.
pub fn v2(kinds: &[&str]) -> Map<String, Value> {
    documents(kinds, |name, definition| {
        match name {
            QUANTITY => scalar(definition, json!({"type": "string"})),
            INT_OR_STRING => scalar(definition, json!({"type": "string", "format": "int-or-string"})),
            _ => {}
        }
        rewrite(definition, &mut |schema| {
            schema.remove("default");
        });
    })
}

/// The members of `components.schemas` of an OpenAPI v3 document, as [`v2`] does for version 2.
pub fn v3(kinds: &[&str]) -> Map<String, Value> {
    documents(kinds, |name, definition| {
        match name {
            QUANTITY => scalar(definition, json!({"oneOf": [{"type": "string"}, {"type": "number"}]})),
            INT_OR_STRING => {
                let either = json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]});
                scalar(definition, either);
            }
            _ => {}
        }
        rewrite(definition, &mut |schema| {
            let Some(Value::String(target)) = schema.get("$ref") else {
                return;
            };
            let name = target.strip_prefix(REFERENCE).unwrap_or(target);
            let reference = json!({"$ref": format!("#/components/schemas/{name}")});
            // OpenAPI 3.0 ignores whatever stands beside a `$ref`.
            if schema.len() == 1 {
                *schema = object(reference);
            } else {
                schema.remove("$ref");
                schema.insert("allOf".into(), json!([reference]));
            }
        });
    })
}

/// The name of the definition of lists of a kind: `io.k8s.api.core.v1.PodList`.
pub fn list_of(kind: &str) -> Option<String> {
    super::definitions::list_of(root(kind)?)
}

/// What requests and answers of every kind refer to.
const EVERYWHERE: [&str; 3] = [
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
];

fn documents(kinds: &[&str], adapt: impl Fn(&str, &mut Value)) -> Map<String, Value> {
    closure(kinds.iter().chain(&EVERYWHERE).filter_map(|kind| root(kind)))
        .into_iter()
        .map(|(name, mut definition)| {
            adapt(&name, &mut definition);
            (name, definition)
        })
        .collect()
}

/// Replaces the type of a definition and keeps its description.
fn scalar(definition: &mut Value, with: Value) {
    let mut fresh = object(with);
    if let Some(description) = definition.get_mut("description") {
        fresh.insert("description".into(), description.take());
    }
    *definition = Value::Object(fresh);
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Visits each schema inside a schema, itself last.
fn rewrite(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(schema) = schema else {
        return;
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            rewrite(property, change);
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            rewrite(inner, change);
        }
    }
    for alternatives in ["oneOf", "anyOf", "allOf"] {
        if let Some(Value::Array(alternatives)) = schema.get_mut(alternatives) {
            for alternative in alternatives {
                rewrite(alternative, change);
            }
        }
    }
    change(schema);
}
