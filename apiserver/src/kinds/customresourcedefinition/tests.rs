use serde_json::{Value, json};

use super::conditions::{self, Taken};
use super::{CustomResourceDefinition, is};
use crate::kinds::Hooks;
use crate::kinds::custom::Names;

fn definition(schema: Value) -> Value {
    let mut definition = json!({"metadata": {"name": "widgets.example.org"}, "spec": {"group": "example.org",
        "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}});
    CustomResourceDefinition.default(&mut definition);
    CustomResourceDefinition.prepare_create(&mut definition);
    definition
}

fn faults(definition: &Value) -> Vec<String> {
    CustomResourceDefinition.validate(definition).into_iter().map(|error| error.to_string()).collect()
}

#[test]
fn names_are_completed_and_one_version_is_stored() {
    let good = definition(json!({"type": "object"}));
    assert_eq!(good["spec"]["names"]["singular"], "widget");
    assert_eq!(good["spec"]["names"]["listKind"], "WidgetList");
    assert_eq!(good["status"]["storedVersions"], json!(["v1"]));
    assert!(faults(&good).is_empty(), "{:?}", faults(&good));
}

#[test]
fn what_is_not_structural_is_refused_where_it_stands() {
    const ROOT: &str = "spec.versions[0].schema.openAPIV3Schema";
    let of = |property: Value| json!({"type": "object", "properties": {"a": property}});
    let cases = [
        (json!({}), ".type: Required value: must not be empty at the root"),
        (json!({"type": "string"}), ".type: Invalid value: \"string\": must be object at the root"),
        (of(json!({})), ".properties[a].type: Required value: must not be empty for specified object fields"),
        (of(json!({"type": "array"})), ".properties[a].items: Required value: must be specified"),
        (
            of(json!({"type": "array", "items": {}})),
            ".properties[a].items.type: Required value: must not be empty for specified array items",
        ),
        (
            of(
                json!({"type": "object", "additionalProperties": {"type": "string"}, "properties": {"b": {"type": "string"}}}),
            ),
            ".properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            of(json!({"type": "string", "anyOf": [{"type": "string"}]})),
            ".properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (of(json!({"type": "string", "$ref": "x"})), ".properties[a].$ref: Forbidden: $ref is not supported"),
        (
            of(json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true})),
            ".properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes \
             quadratic",
        ),
        (
            of(json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"})),
            ".properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ),
        (
            of(json!({"type": "integer", "default": "x"})),
            ".properties[a].default: Invalid value: \"string\": \
             spec.versions[0].schema.openAPIV3Schema.properties[a].default in body must be of type integer: \"string\"",
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
            ".properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is \
             implicitly specified",
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(faults(&definition(schema.clone())), [format!("{ROOT}{expected}")], "{schema}");
    }
    let pattern = faults(&definition(of(json!({"type": "string", "pattern": "("}))));
    assert!(pattern[0].contains("must be a valid regular expression, but isn't"), "{pattern:?}");
    let either = json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]});
    assert!(faults(&definition(of(either))).is_empty());
}

#[test]
fn names_of_others_are_not_accepted() {
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    let mut taken = Taken::default();
    taken.add(&Names { plural: "gadgets".into(), kind: "Widget".into(), ..Names::default() });
    let mut new = definition(json!({"type": "object"}));
    conditions::complete(&mut new, &taken, now);
    assert!(!is(&new, "NamesAccepted") && !is(&new, "Established"));
    assert_eq!(new["status"]["acceptedNames"]["kind"], "");
    let before = new.clone();
    conditions::complete(&mut new, &taken, now);
    assert_eq!(new, before, "nothing changes the second time");
    conditions::complete(&mut new, &Taken::default(), now);
    assert!(is(&new, "NamesAccepted") && is(&new, "Established"));
    // What is established stays so.
    conditions::complete(&mut new, &taken, now);
    assert!(!is(&new, "NamesAccepted") && is(&new, "Established"));
}

#[test]
fn a_version_in_which_objects_are_stored_may_not_vanish() {
    let old = definition(json!({"type": "object"}));
    let mut new = old.clone();
    new["spec"]["versions"][0]["name"] = json!("v2");
    CustomResourceDefinition.prepare_update(&mut new, &old);
    assert_eq!(new["status"]["storedVersions"], json!(["v1", "v2"]));
    let errors = CustomResourceDefinition.validate_update(&new, &old);
    assert!(
        errors[0]
            .to_string()
            .starts_with("status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions")
    );
    assert_eq!(errors.len(), 1);
}
