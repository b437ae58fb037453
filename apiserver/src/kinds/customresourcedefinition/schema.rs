//! Whether a schema is structural: every value has one place that says its type.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::structural::Structural;

use crate::kinds::{json, rules};

type Errors = Vec<FieldError>;

/// What the schema language of definitions leaves out.
const UNSUPPORTED: &[&str] = &["$ref", "id", "patternProperties", "additionalItems", "definitions", "dependencies"];
/// What only the structure may say, and no part of `anyOf` and its like.
const STRUCTURE: &[&str] = &[
    "description",
    "title",
    "type",
    "default",
    "additionalProperties",
    "nullable",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

/// Where in the structure a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Item,
}

/// The schema of a version.
pub fn check(schema: &Value, path: &Path, errors: &mut Errors) {
    match json::text(schema, "type") {
        "" => errors.push(FieldError::required(&path.child("type"), "must not be empty at the root")),
        "object" => {}
        other => errors.push(FieldError::invalid(&path.child("type"), other, "must be object at the root")),
    }
    if !json::get(schema, "default").is_null() {
        errors.push(FieldError::forbidden(&path.child("default"), "must not be set at the root"));
    }
    if json::flag(schema, "nullable") {
        errors.push(FieldError::forbidden(&path.child("nullable"), "nullable cannot be true at the root"));
    }
    structure(schema, Place::Root, path, errors);
}

/// The rules of a version's schema, which is structural.
pub fn check_rules(schema: &Value, path: &Path, errors: &mut Errors) {
    errors.extend(rules::faults(schema, path));
}

fn structure(schema: &Value, place: Place, path: &Path, errors: &mut Errors) {
    common(schema, path, errors);
    let type_ = json::text(schema, "type");
    let free =
        json::flag(schema, "x-kubernetes-int-or-string") || json::flag(schema, "x-kubernetes-preserve-unknown-fields");
    match (type_, place) {
        ("", Place::Field) if !free => {
            errors.push(FieldError::required(&path.child("type"), "must not be empty for specified object fields"));
        }
        ("", Place::Item) if !free => {
            errors.push(FieldError::required(&path.child("type"), "must not be empty for specified array items"));
        }
        ("null", _) => {
            let detail = "type cannot be set to null, use nullable as an alternative";
            errors.push(FieldError::forbidden(&path.child("type"), detail));
        }
        ("" | "object" | "array" | "string" | "integer" | "number" | "boolean", _) => {}
        (other, _) => {
            let types = ["array", "boolean", "integer", "number", "object", "string"];
            errors.push(FieldError::not_supported(&path.child("type"), other, &types));
        }
    }
    marks(schema, place, path, errors);
    members(schema, place, path, errors);
    for word in ["allOf", "anyOf", "oneOf"] {
        for (i, part) in json::list(schema, word).iter().enumerate() {
            self::part(part, schema, &path.child(word).index(i), errors);
        }
    }
    let not = json::get(schema, "not");
    if !not.is_null() {
        part(not, schema, &path.child("not"), errors);
    }
    default(schema, place, path, errors);
}

fn members(schema: &Value, place: Place, path: &Path, errors: &mut Errors) {
    for (name, property) in json::map(schema, "properties").into_iter().flatten() {
        let at = path.child("properties").key(name);
        let is_object = place == Place::Root || json::flag(schema, "x-kubernetes-embedded-resource");
        if is_object && name == "metadata" {
            metadata(property, &at, errors);
        }
        structure(property, Place::Field, &at, errors);
    }
    let additional = json::get(schema, "additionalProperties");
    let at = path.child("additionalProperties");
    match additional {
        Value::Bool(false) => errors.push(FieldError::forbidden(&at, "additionalProperties cannot be set to false")),
        Value::Object(_) => structure(additional, Place::Field, &at, errors),
        _ => {}
    }
    if !additional.is_null() && json::map(schema, "properties").is_some_and(|properties| !properties.is_empty()) {
        errors.push(FieldError::forbidden(&at, "additionalProperties and properties are mutual exclusive"));
    }
    if place == Place::Root && !additional.is_null() {
        errors.push(FieldError::forbidden(&at, "must not be used at the root"));
    }
    let items = json::get(schema, "items");
    match items {
        Value::Array(_) => {
            let detail = "items must be a schema object and not an array";
            errors.push(FieldError::forbidden(&path.child("items"), detail));
        }
        Value::Object(_) => structure(items, Place::Item, &path.child("items"), errors),
        _ if json::text(schema, "type") == "array" => {
            errors.push(FieldError::required(&path.child("items"), "must be specified"));
        }
        _ => {}
    }
}

/// Of an object's metadata, only names may be restricted.
fn metadata(schema: &Value, path: &Path, errors: &mut Errors) {
    if json::text(schema, "type") != "object" {
        errors.push(FieldError::invalid(&path.child("type"), json::text(schema, "type"), "must be object"));
    }
    let mut odd = json::map(schema, "properties").into_iter().flatten().map(|(name, _)| name.as_str());
    if odd.any(|name| !matches!(name, "name" | "generateName")) {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(path, detail));
    }
}

/// What no schema may say, wherever it stands.
fn common(schema: &Value, path: &Path, errors: &mut Errors) {
    for word in UNSUPPORTED.iter().filter(|word| !json::get(schema, word).is_null()) {
        errors.push(FieldError::forbidden(&path.field(word), format!("{word} is not supported")));
    }
    if json::flag(schema, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(&path.child("uniqueItems"), detail));
    }
    let pattern = json::text(schema, "pattern");
    if let Err(error) = Regex::new(pattern) {
        let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
        let detail = format!("must be a valid regular expression, but isn't: {reason}");
        errors.push(FieldError::invalid(&path.child("pattern"), pattern, detail));
    }
}

/// `x-kubernetes-*`
fn marks(schema: &Value, place: Place, path: &Path, errors: &mut Errors) {
    let type_ = json::text(schema, "type");
    let at = |mark: &str| path.field(mark);
    if json::flag(schema, "x-kubernetes-int-or-string") && !type_.is_empty() {
        let detail = "must be empty if x-kubernetes-int-or-string is true";
        errors.push(FieldError::forbidden(&path.child("type"), detail));
    }
    if json::flag(schema, "x-kubernetes-embedded-resource") {
        if place != Place::Root && type_ != "object" {
            let detail = "must be object if x-kubernetes-embedded-resource is true";
            errors.push(FieldError::invalid(&path.child("type"), type_, detail));
        }
        let open = json::flag(schema, "x-kubernetes-preserve-unknown-fields");
        if !open && json::map(schema, "properties").is_none_or(|properties| properties.is_empty()) {
            let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                          x-kubernetes-preserve-unknown-fields";
            errors.push(FieldError::required(&path.child("properties"), detail));
        }
    }
    if json::get(schema, "x-kubernetes-preserve-unknown-fields") == &Value::Bool(false) {
        let detail = "must be true or undefined";
        errors.push(FieldError::invalid(&at("x-kubernetes-preserve-unknown-fields"), false, detail));
    }
    let map_type = json::text(schema, "x-kubernetes-map-type");
    if !map_type.is_empty() {
        if type_ != "object" {
            let detail = "must be object if x-kubernetes-map-type is specified";
            errors.push(FieldError::invalid(&path.child("type"), type_, detail));
        }
        if !matches!(map_type, "atomic" | "granular") {
            let mark = at("x-kubernetes-map-type");
            errors.push(FieldError::not_supported(&mark, map_type, &["atomic", "granular"]));
        }
    }
    list(schema, path, errors);
}

fn list(schema: &Value, path: &Path, errors: &mut Errors) {
    let (mark, keys_at) = (path.field("x-kubernetes-list-type"), path.field("x-kubernetes-list-map-keys"));
    let list_type = json::text(schema, "x-kubernetes-list-type");
    let keys: Vec<&str> = json::list(schema, "x-kubernetes-list-map-keys").iter().filter_map(Value::as_str).collect();
    if !list_type.is_empty() && json::text(schema, "type") != "array" {
        let detail = "must be array if x-kubernetes-list-type is specified";
        errors.push(FieldError::invalid(&path.child("type"), json::text(schema, "type"), detail));
    }
    match list_type {
        "map" if keys.is_empty() => {
            let detail = "must not be empty if x-kubernetes-list-type is map";
            errors.push(FieldError::required(&keys_at, detail));
        }
        "map" => map_keys(json::get(schema, "items"), &keys, path, errors),
        _ if !keys.is_empty() => {
            let detail = "x-kubernetes-list-map-keys is only allowed if x-kubernetes-list-type is map";
            errors.push(FieldError::invalid(&mark, list_type, detail));
        }
        "" | "atomic" | "set" => {}
        other => errors.push(FieldError::not_supported(&mark, other, &["atomic", "set", "map"])),
    }
}

/// Items of a keyed list have each key, as a scalar, always.
fn map_keys(items: &Value, keys: &[&str], path: &Path, errors: &mut Errors) {
    let required: Vec<&str> = json::list(items, "required").iter().filter_map(Value::as_str).collect();
    let mut seen = BTreeSet::new();
    for (i, key) in keys.iter().enumerate() {
        let at = path.field("x-kubernetes-list-map-keys").index(i);
        let property = json::get(json::get(items, "properties"), key);
        if property.is_null() {
            let detail = "entries must all be names of item properties";
            errors.push(FieldError::invalid(&at, *key, detail));
            continue;
        }
        if matches!(json::text(property, "type"), "object" | "array") {
            let at = path.child("items").child("properties").key(key).child("type");
            let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            errors.push(FieldError::invalid(&at, json::text(property, "type"), detail));
        }
        if !required.contains(key) && json::get(property, "default").is_null() {
            let at = path.child("items").child("properties").key(key).child("default");
            let detail =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            errors.push(FieldError::required(&at, detail));
        }
        if !seen.insert(*key) {
            errors.push(FieldError::duplicate(&at, *key));
        }
    }
}

/// A part of `allOf`, `anyOf`, `oneOf`, or `not`: it restricts what `structure` has, and adds nothing.
fn part(part: &Value, structure: &Value, path: &Path, errors: &mut Errors) {
    common(part, path, errors);
    let either = json::flag(structure, "x-kubernetes-int-or-string");
    for word in STRUCTURE.iter().filter(|word| !json::get(part, word).is_null()) {
        if *word == "type" && either {
            continue;
        }
        errors.push(FieldError::forbidden(&path.field(word), "must be empty to be structural"));
    }
    for (name, property) in json::map(part, "properties").into_iter().flatten() {
        let at = path.child("properties").key(name);
        let known = json::get(json::get(structure, "properties"), name);
        let values = json::get(structure, "additionalProperties");
        let known = if known.is_null() { values } else { known };
        let implied = matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
        if known.is_null() && !implied {
            errors.push(FieldError::required(&at, "must be specified in the structure as well"));
        } else {
            self::part(property, known, &at, errors);
        }
    }
    let items = json::get(part, "items");
    if items.is_object() {
        let known = json::get(structure, "items");
        if known.is_null() {
            errors.push(FieldError::required(&path.child("items"), "must be specified in the structure as well"));
        } else {
            self::part(items, known, &path.child("items"), errors);
        }
    }
    for word in ["allOf", "anyOf", "oneOf"] {
        for (i, inner) in json::list(part, word).iter().enumerate() {
            self::part(inner, structure, &path.child(word).index(i), errors);
        }
    }
    let not = json::get(part, "not");
    if not.is_object() {
        self::part(not, structure, &path.child("not"), errors);
    }
}

/// A default is a value that the schema would accept.
fn default(schema: &Value, place: Place, path: &Path, errors: &mut Errors) {
    let default = json::get(schema, "default");
    if default.is_null() || place == Place::Root {
        return;
    }
    let at = path.child("default");
    let structural = Structural::compile(schema);
    let mut pruned = default.clone();
    if structural.prune_value(&mut pruned) {
        errors.push(FieldError::invalid(&at, default.clone(), "must not have unknown fields"));
    }
    structural.default(&mut pruned);
    errors.extend(structural.validate_value(&pruned, &at));
}
