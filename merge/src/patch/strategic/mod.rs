//! Kubernetes' strategic merge patch: a merge patch that knows which lists to merge and by which key.
//!
//! Its rules are those of the API conventions, "Strategic Merge Patch", and of `kubectl apply`, which writes the
//! directives: `$patch`, `$retainKeys`, `$setElementOrder/FIELD` and `$deleteFromPrimitiveList/FIELD`.

mod list;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde_json::{Map, Value};
use timonier_api::schema::{ANYTHING, PatchStrategy, Schema};

use super::PatchError;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

type Members = Map<String, Value>;

/// Merges `patch` into a copy of `doc` as the patch strategies and merge keys of `schema` say.
pub fn strategic(doc: &Value, patch: &Value, schema: &Schema) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::Malformed("a strategic merge patch must be an object".into()));
    };
    let mut patched = match doc {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    merge_object(&mut patched, patch, schema)?;
    Ok(Value::Object(patched))
}

/// What `$patch` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    fn of(patch: &Members) -> Result<Directive, PatchError> {
        match patch.get(PATCH) {
            None => Ok(Directive::Merge),
            Some(Value::String(word)) if word == "merge" => Ok(Directive::Merge),
            Some(Value::String(word)) if word == "replace" => Ok(Directive::Replace),
            Some(Value::String(word)) if word == "delete" => Ok(Directive::Delete),
            Some(other) => Err(fault(PATCH, format!("unknown patch type: {other}"))),
        }
    }
}

fn merge_object(target: &mut Members, patch: &Members, schema: &Schema) -> Result<(), PatchError> {
    match Directive::of(patch)? {
        Directive::Merge => {}
        Directive::Delete => {
            target.clear();
            return Ok(());
        }
        Directive::Replace => target.clear(),
    }
    retain(target, patch)?;
    for (name, change) in patch {
        // Directives sort before the fields they are about, so that deletions happen before additions.
        if name == PATCH || name == RETAIN_KEYS {
            continue;
        } else if let Some(field) = name.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            delete_scalars(target, field, change).map_err(|error| error.inside(name))?;
        } else if let Some(field) = name.strip_prefix(SET_ELEMENT_ORDER) {
            // With items to merge, the order is set when they are.
            if !patch.contains_key(field) && target.contains_key(field) {
                merge_field(target, field, &Value::Array(Vec::new()), patch, schema)?;
            }
        } else {
            merge_field(target, name, change, patch, schema)?;
        }
    }
    Ok(())
}

fn merge_field(
    target: &mut Members,
    name: &str,
    change: &Value,
    patch: &Members,
    schema: &Schema,
) -> Result<(), PatchError> {
    let unmarked = PatchStrategy::default();
    let strategy = schema.field(name).map_or(&unmarked, |field| &field.patch);
    let inner = schema.member(name).unwrap_or(&ANYTHING);
    match change {
        Value::Null => {
            target.remove(name);
        }
        Value::Object(change) => {
            let mut merged = match target.remove(name) {
                Some(Value::Object(members)) if !strategy.replace => members,
                _ => Map::new(),
            };
            merge_object(&mut merged, change, inner).map_err(|error| error.inside(name))?;
            target.insert(name.to_owned(), Value::Object(merged));
        }
        Value::Array(change) if strategy.merge => {
            let before = match target.remove(name) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            let merge = list::Merge {
                key: strategy.merge_key.as_deref(),
                order: list::wanted_order(patch, name)?,
                items: inner.items().unwrap_or(&ANYTHING),
            };
            let merged = merge.apply(before, change).map_err(|error| error.inside(name))?;
            target.insert(name.to_owned(), Value::Array(merged));
        }
        other => {
            target.insert(name.to_owned(), without_directives(other));
        }
    }
    Ok(())
}

/// `$retainKeys`: whoever sets a union's member clears the others.
fn retain(target: &mut Members, patch: &Members) -> Result<(), PatchError> {
    let Some(directive) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(keys) = directive else {
        return Err(fault(RETAIN_KEYS, "must be a list of field names"));
    };
    let kept = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    for (name, change) in patch {
        if !name.starts_with('$') && !change.is_null() && !kept(name) {
            let detail = format!("the patch sets {name:?}, which is not in this list");
            return Err(fault(RETAIN_KEYS, detail));
        }
    }
    target.retain(|name, _| kept(name));
    Ok(())
}

fn delete_scalars(target: &mut Members, field: &str, gone: &Value) -> Result<(), PatchError> {
    let Value::Array(gone) = gone else {
        return Err(fault("", "must be a list of the values to delete"));
    };
    let gone: HashSet<&Value> = gone.iter().collect();
    if let Some(Value::Array(items)) = target.get_mut(field) {
        items.retain(|item| !gone.contains(item));
    }
    Ok(())
}

/// A value that replaces another may still carry directives; they are not data.
fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !is_directive(name))
            .map(|(name, member)| (name.clone(), without_directives(member)))
            .collect(),
        Value::Array(items) => items.iter().map(without_directives).collect(),
        scalar => scalar.clone(),
    }
}

fn is_directive(name: &str) -> bool {
    name == PATCH
        || name == RETAIN_KEYS
        || name.starts_with(SET_ELEMENT_ORDER)
        || name.starts_with(DELETE_FROM_PRIMITIVE_LIST)
}

fn fault(path: &str, detail: impl Into<String>) -> PatchError {
    PatchError::Strategic { path: path.to_owned(), detail: detail.into() }
}

impl PatchError {
    /// The same error, seen from one level further out.
    fn inside(self, name: &str) -> PatchError {
        match self {
            PatchError::Strategic { path, detail } => {
                let path = match path.as_str() {
                    "" => name.to_owned(),
                    inner if inner.starts_with('[') => format!("{name}{inner}"),
                    inner => format!("{name}.{inner}"),
                };
                PatchError::Strategic { path, detail }
            }
            other => other,
        }
    }
}
