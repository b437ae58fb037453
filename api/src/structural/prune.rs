//! Removing what a schema does not specify.

use serde_json::{Map, Value};

use super::node::Node;
use crate::schema::{Pruned, Schema};

/// The fields that every object has.
pub(super) const OF_OBJECTS: [&str; 3] = ["apiVersion", "kind", "metadata"];
const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// A whole object.
pub(super) fn object(node: &Node, object: &mut Value, report: &mut Pruned) {
    if let Value::Object(map) = object {
        members(node, map, true, "", report);
    }
}

/// Any value, at a path.
pub(super) fn value(node: &Node, value: &mut Value, path: &str, report: &mut Pruned) {
    match value {
        Value::Object(map) => members(node, map, node.embedded, path, report),
        Value::Array(list) => {
            let Some(items) = &node.items else {
                return;
            };
            for (index, item) in list.iter_mut().enumerate() {
                self::value(items, item, &format!("{path}[{index}]"), report);
            }
        }
        _ => {}
    }
}

fn members(node: &Node, map: &mut Map<String, Value>, is_object: bool, path: &str, report: &mut Pruned) {
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    map.retain(|name, member| {
        if is_object && OF_OBJECTS.contains(&name.as_str()) {
            if name == "metadata" {
                metadata(member, &at(name), report);
            }
            return true;
        }
        if let Some(inner) = node.member(name) {
            value(inner, member, &at(name), report);
            return true;
        }
        if node.keeps_any() {
            return true;
        }
        report.unknown.push(at(name));
        false
    });
}

/// Metadata has one schema everywhere.
fn metadata(metadata: &mut Value, path: &str, report: &mut Pruned) {
    let Some(schema) = Schema::of(METADATA).filter(|_| metadata.is_object()) else {
        return;
    };
    let pruned = schema.prune(metadata);
    report.unknown.extend(pruned.unknown.into_iter().map(|inner| format!("{path}.{inner}")));
    report.type_errors.extend(pruned.type_errors);
}
