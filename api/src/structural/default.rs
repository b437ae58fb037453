//! Filling in what was left out.

use serde_json::Value;

use super::node::Node;

/// Takes out members that are null although they may not be, unless a default takes their place.
pub(super) fn without_nulls(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|name, member| {
            let Some(inner) = node.member(name) else {
                return true;
            };
            without_nulls(inner, member);
            !is_misplaced_null(inner, member) || inner.default.is_some()
        }),
        Value::Array(list) => {
            if let Some(items) = &node.items {
                list.iter_mut().for_each(|item| without_nulls(items, item));
            }
        }
        _ => {}
    }
}

pub(super) fn fill(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in &node.properties {
                let Some(default) = &property.default else {
                    continue;
                };
                if map.get(&**name).is_none_or(|given| is_misplaced_null(property, given)) {
                    map.insert(name.to_string(), default.clone());
                }
            }
            for (name, member) in map.iter_mut() {
                if let Some(inner) = node.member(name) {
                    in_place(inner, member);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = &node.items {
                list.iter_mut().for_each(|item| in_place(items, item));
            }
        }
        _ => {}
    }
}

fn in_place(node: &Node, value: &mut Value) {
    if is_misplaced_null(node, value)
        && let Some(default) = &node.default
    {
        *value = default.clone();
    }
    fill(node, value);
}

fn is_misplaced_null(node: &Node, value: &Value) -> bool {
    value.is_null() && !node.nullable
}
