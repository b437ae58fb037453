//! Whether a value is what its schema wants, in the words of Kubernetes.
//!
//! `old` is what stood in the same place before: what has not changed is not looked at, so that an object which a schema has
//! left behind can still be changed elsewhere.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::formats;
use super::node::{Bound, Limits, ListType, Node, Type};
use super::prune::OF_OBJECTS;
use crate::field::{FieldError, Path};

type Errors = Vec<FieldError>;

/// A whole object. Its metadata is not the schema's business.
pub(super) fn object(node: &Node, object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let path = Path::new("");
    match object {
        Value::Object(map) => members(node, map, old, true, &path, errors),
        other => mismatch(Type::Object.name(), other, &path, errors),
    }
}

pub(super) fn value(node: &Node, value: &Value, old: Option<&Value>, path: &Path, errors: &mut Errors) {
    if (value.is_null() && node.nullable) || old == Some(value) {
        return;
    }
    if !is_of_type(node, value) {
        let wanted = if node.int_or_string { "integer,string" } else { node.type_.map_or("object", Type::name) };
        return mismatch(wanted, value, path, errors);
    }
    match value {
        Value::Object(map) => members(node, map, old, node.embedded, path, errors),
        Value::Array(list) => items(node, list, old, path, errors),
        _ => limits(node, value, path, errors),
    }
}

fn is_of_type(node: &Node, value: &Value) -> bool {
    if node.int_or_string {
        return value.is_string() || is_integer(value);
    }
    match (node.type_, value) {
        // A schema without a type is that of a part (`anyOf`), or of what is preserved as it is.
        (None, Value::Null) => !node.preserves || node.nullable,
        (None, _) => true,
        (Some(Type::Object), Value::Object(_))
        | (Some(Type::Array), Value::Array(_))
        | (Some(Type::String), Value::String(_))
        | (Some(Type::Number), Value::Number(_))
        | (Some(Type::Boolean), Value::Bool(_)) => true,
        (Some(Type::Integer), value) => is_integer(value),
        _ => false,
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn mismatch(wanted: &str, found: &Value, path: &Path, errors: &mut Errors) {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(found) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    errors.push(FieldError::type_invalid(path, found, format!("{path} in body must be of type {wanted}: {found:?}")));
}

fn members(
    node: &Node,
    map: &Map<String, Value>,
    old: Option<&Value>,
    is_object: bool,
    path: &Path,
    errors: &mut Errors,
) {
    if node.embedded {
        embedded(map, path, errors);
    }
    for (name, member) in map {
        if is_object && OF_OBJECTS.contains(&name.as_str()) {
            continue;
        }
        if let Some(inner) = node.member(name) {
            let old = old.and_then(|old| old.get(name));
            value(inner, member, old, &path.field(name), errors);
        }
    }
    if let Some(limits) = &node.limits {
        for name in limits.required.iter().filter(|name| !map.contains_key(&***name)) {
            errors.push(FieldError::required(&path.field(name), ""));
        }
        if let Some(least) = limits.min_properties.filter(|least| (map.len() as u64) < *least) {
            let detail = format!("{path} in body should have at least {least} properties");
            errors.push(FieldError::invalid(path, Value::Object(map.clone()), detail));
        }
        if let Some(most) = limits.max_properties.filter(|most| map.len() as u64 > *most) {
            errors.push(FieldError::too_many(path, map.len(), size(most)));
        }
        combined(limits, &Value::Object(map.clone()), path, errors);
    }
}

/// A whole object inside another one.
fn embedded(map: &Map<String, Value>, path: &Path, errors: &mut Errors) {
    for name in ["apiVersion", "kind"] {
        let text = map.get(name).and_then(Value::as_str).unwrap_or("");
        if text.is_empty() {
            errors.push(FieldError::required(&path.field(name), "must not be empty"));
        }
    }
    if map.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
        let found = map.get("metadata").unwrap_or(&Value::Null);
        mismatch("object", found, &path.field("metadata"), errors);
    }
}

fn items(node: &Node, list: &[Value], old: Option<&Value>, path: &Path, errors: &mut Errors) {
    if let Some(inner) = &node.items {
        for (index, item) in list.iter().enumerate() {
            value(inner, item, counterpart(&node.list, item, old), &path.index(index), errors);
        }
    }
    repeated(&node.list, list, path, errors);
    let Some(limits) = &node.limits else {
        return;
    };
    if let Some(least) = limits.min_items.filter(|least| (list.len() as u64) < *least) {
        let detail = format!("{path} in body should have at least {least} items");
        errors.push(FieldError::invalid(path, list.to_vec(), detail));
    }
    if let Some(most) = limits.max_items.filter(|most| list.len() as u64 > *most) {
        errors.push(FieldError::too_many(path, list.len(), size(most)));
    }
    if limits.unique_items && !all_differ(list.iter().map(Value::to_string)) {
        let detail = format!("{path} in body shouldn't contain duplicates");
        errors.push(FieldError::invalid(path, list.to_vec(), detail));
    }
    combined(limits, &Value::Array(list.to_vec()), path, errors);
}

/// The item with the same keys. Items without keys are in no place of their own.
fn counterpart<'a>(kind: &ListType, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    let ListType::Map(keys) = kind else { return None };
    old?.as_array()?.iter().find(|known| keys.iter().all(|key| known.get(&**key) == item.get(&**key)))
}

/// Items of a set, or keys of a map's items, that are there twice.
fn repeated(kind: &ListType, list: &[Value], path: &Path, errors: &mut Errors) {
    let mut seen = HashSet::new();
    for (index, item) in list.iter().enumerate() {
        let shown = match kind {
            ListType::Atomic => return,
            ListType::Set => item.clone(),
            ListType::Map(keys) => {
                let key = |name: &str| Some((name.to_owned(), item.get(name)?.clone()));
                Value::Object(keys.iter().filter_map(|name| key(name)).collect())
            }
        };
        if !seen.insert(shown.to_string()) {
            errors.push(FieldError::duplicate(&path.index(index), shown));
        }
    }
}

fn all_differ(values: impl Iterator<Item = String>) -> bool {
    let mut seen = HashSet::new();
    values.into_iter().all(|value| seen.insert(value))
}

fn limits(node: &Node, value: &Value, path: &Path, errors: &mut Errors) {
    let Some(limits) = &node.limits else {
        return;
    };
    match value {
        Value::String(text) => of_text(limits, text, path, errors),
        Value::Number(_) => of_number(limits, value, path, errors),
        _ => {}
    }
    combined(limits, value, path, errors);
}

fn of_text(limits: &Limits, text: &str, path: &Path, errors: &mut Errors) {
    let length = || text.chars().count() as u64;
    if let Some(most) = limits.max_length.filter(|most| length() > *most) {
        errors.push(FieldError::too_long(path, size(most)));
    }
    if let Some(least) = limits.min_length.filter(|least| length() < *least) {
        errors.push(FieldError::invalid(path, text, format!("{path} in body should be at least {least} chars long")));
    }
    if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        let detail = format!("{path} in body should match '{}'", pattern.as_str());
        errors.push(FieldError::invalid(path, text, detail));
    }
    if let Some(format) = limits.format.as_deref().filter(|format| !formats::fits(format, text)) {
        let detail = format!("{path} in body must be of type {format}: {text:?}");
        errors.push(FieldError::invalid(path, text, detail));
    }
}

fn of_number(limits: &Limits, value: &Value, path: &Path, errors: &mut Errors) {
    let number = value.as_f64().unwrap_or(0.0);
    let beyond = |bound: &Bound, outside: bool, on: bool| outside || (bound.exclusive && on);
    let mut fault = |detail: String| {
        errors.push(FieldError::invalid(path, value.clone(), format!("{path} in body should be {detail}")));
    };
    if let Some(bound) = &limits.minimum
        && beyond(bound, number < bound.value, number <= bound.value)
    {
        let relation = if bound.exclusive { "greater than" } else { "greater than or equal to" };
        fault(format!("{relation} {}", bound.text));
    }
    if let Some(bound) = &limits.maximum
        && beyond(bound, number > bound.value, number >= bound.value)
    {
        let relation = if bound.exclusive { "less than" } else { "less than or equal to" };
        fault(format!("{relation} {}", bound.text));
    }
    if let Some(step) = limits.multiple_of.filter(|step| *step != 0.0 && (number / step).fract() != 0.0) {
        fault(format!("a multiple of {step}"));
    }
    let range = match limits.format.as_deref() {
        Some("int32") => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => return,
    };
    if !value.as_i64().is_some_and(|number| range.contains(&number)) {
        let detail = format!("{path} in body must be of type int32: {:?}", value.to_string());
        errors.push(FieldError::invalid(path, value.clone(), detail));
    }
}

/// Choices, and schemas that are combined.
fn combined(limits: &Limits, value: &Value, path: &Path, errors: &mut Errors) {
    if !limits.choices.is_empty() && !limits.choices.contains(value) {
        let choices: Vec<String> = limits.choices.iter().map(shown).collect();
        let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
        errors.push(FieldError::not_supported(path, value.clone(), &choices));
    }
    let faults = |node: &Node| {
        let mut errors = vec![];
        self::value(node, value, None, path, &mut errors);
        errors
    };
    let mut fault =
        |detail: &str| errors.push(FieldError::invalid(path, value.clone(), format!("{path} in body {detail}")));
    if !limits.any_of.is_empty() && !limits.any_of.iter().any(|node| faults(node).is_empty()) {
        fault("must validate at least one schema (anyOf)");
    }
    if !limits.one_of.is_empty() {
        match limits.one_of.iter().filter(|node| faults(node).is_empty()).count() {
            1 => {}
            0 => fault("must validate one and only one schema (oneOf). Found none valid"),
            many => {
                fault(&format!("must validate one and only one schema (oneOf). Found {many} valid alternatives"));
            }
        }
    }
    if limits.not.as_ref().is_some_and(|not| faults(not).is_empty()) {
        fault("must not validate the schema (not)");
    }
    let all: Vec<FieldError> = limits.all_of.iter().flat_map(faults).collect();
    if !all.is_empty() {
        let detail = format!("{path} in body must validate all the schemas (allOf)");
        errors.push(FieldError::invalid(path, value.clone(), detail));
        errors.extend(all);
    }
}

/// A choice as a message names it.
fn shown(choice: &Value) -> String {
    match choice {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
