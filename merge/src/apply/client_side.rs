//! Moving from `kubectl apply` to `kubectl apply --server-side`: what the annotation of the former tells of owners.

use std::collections::HashSet;

use serde_json::Value;
use timonier_api::schema::Schema;

use super::compare::compare;
use super::conflict::Conflict;
use super::fieldset::FieldSet;
use super::walk::{Depth, fields_of};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The manager whose applying takes over from client-side apply.
const KUBECTL: &str = "kubectl";
/// All annotations of an object together may be this long.
const LONGEST_ANNOTATIONS: usize = 256 * 1024;

/// Drops the conflicts about fields that client-side apply set and that still have the value it gave them: the same
/// tool may take them over without force.
pub(super) fn allow(conflicts: Vec<Conflict>, live: &Value, manager: &str, schema: &Schema) -> Vec<Conflict> {
    if manager != KUBECTL || conflicts.is_empty() {
        return conflicts;
    }
    let Some(unchanged) = unchanged_since(live, schema) else {
        return conflicts;
    };
    let unchanged: HashSet<String> = unchanged.paths().into_iter().collect();
    conflicts.into_iter().filter(|conflict| !unchanged.contains(&conflict.path)).collect()
}

/// The fields that the annotation sets and that the live object has unchanged.
fn unchanged_since(live: &Value, schema: &Schema) -> Option<FieldSet> {
    let mut last: Value = serde_json::from_str(annotation(live)?).ok()?;
    schema.prune(&mut last);
    let mut fields = fields_of(schema, &last, Depth::Object).ok()?;
    let comparison = compare(&last, live, schema);
    fields.subtract(&comparison.changed);
    fields.subtract(&comparison.removed);
    Some(fields)
}

/// Keeps the annotation in step when kubectl applies server-side, so that client-side apply still works after it.
pub(super) fn follow(object: &mut Value, applied: &Value, manager: &str) {
    if manager != KUBECTL || annotation(object).is_none() {
        return;
    }
    let mut config = applied.clone();
    if let Some(Value::Object(annotations)) = config.pointer_mut("/metadata/annotations") {
        annotations.remove(ANNOTATION);
        if annotations.is_empty()
            && let Some(Value::Object(metadata)) = config.get_mut("metadata")
        {
            metadata.remove("annotations");
        }
    }
    let text = format!("{config}\n");
    let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") else {
        return;
    };
    let others: usize = annotations
        .iter()
        .filter(|(name, _)| *name != ANNOTATION)
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum();
    if others + ANNOTATION.len() + text.len() > LONGEST_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    } else {
        annotations.insert(ANNOTATION.into(), text.into());
    }
}

fn annotation(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()
}
