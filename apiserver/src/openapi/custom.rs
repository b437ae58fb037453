//! Definitions of custom resources: their own schemas, with what every object has.

use serde_json::{Map, Value, json};

use crate::kinds::{Custom, Row};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// What a schema may say only in version 3.
const ONLY_IN_V3: [&str; 6] = ["nullable", "oneOf", "anyOf", "allOf", "not", "default"];

/// The definitions of a custom resource and of its lists. Those that they refer to are not among them.
pub fn v3(row: &Row, custom: &Custom) -> Vec<(String, Value)> {
    let reference = |name: &str| json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]});
    definitions(row, custom.openapi(), reference)
}

/// The same for version 2.
pub fn v2(row: &Row, custom: &Custom) -> Vec<(String, Value)> {
    let mut schema = custom.openapi();
    simplify(&mut schema);
    definitions(row, schema, |name| json!({"$ref": format!("#/definitions/{name}")}))
}

/// What they refer to.
pub fn parts() -> [&'static str; 2] {
    [OBJECT_META, LIST_META]
}

fn definitions(row: &Row, mut schema: Value, reference: impl Fn(&str) -> Value) -> Vec<(String, Value)> {
    let kind = &row.kind;
    let described = |mut value: Value, description: &str| {
        value["description"] = description.into();
        value
    };
    let text = |description: &str| json!({"type": "string", "description": description});
    if !schema.is_object() {
        schema = json!({"type": "object"});
    }
    let properties = schema.as_object_mut().and_then(|schema| {
        let properties = schema.entry("properties").or_insert_with(|| Map::new().into());
        properties.as_object_mut()
    });
    if let Some(properties) = properties {
        let metadata = described(reference(OBJECT_META), "Standard metadata of objects.");
        properties.insert("apiVersion".into(), text("The version of the API in which this object is written."));
        properties.insert("kind".into(), text("The kind of this object."));
        properties.insert("metadata".into(), metadata);
    }
    let identity = |kind_: &str| json!([{"group": kind.group, "version": kind.version, "kind": kind_}]);
    schema["x-kubernetes-group-version-kind"] = identity(&kind.kind);
    let list = json!({
        "description": format!("A list of objects of kind {}.", kind.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": text("The version of the API in which this list is written."),
            "kind": text("The kind of this list."),
            "items": {"type": "array", "description": "The objects.", "items": reference(&kind.definition)},
            "metadata": described(reference(LIST_META), "The list's resource version, and how to continue it."),
        },
        "x-kubernetes-group-version-kind": identity(&format!("{}List", kind.kind)),
    });
    vec![(kind.definition.clone(), schema), (format!("{}List", kind.definition), list)]
}

/// Leaves out what version 2 cannot say.
fn simplify(schema: &mut Value) {
    let Value::Object(map) = schema else {
        return;
    };
    let open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    let is_object = map.get("type").is_some_and(|type_| type_ == "object");
    let unsaid = |word: &str| ONLY_IN_V3.contains(&word) || (open && is_object && word == "required");
    map.retain(|word, _| !unsaid(word));
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(inner) {
            simplify(inner);
        }
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(simplify);
    }
}
