//! A write as policies see it: `object`, `oldObject` and `request`.

use serde_json::{Map, Value, json};

use super::Change;
use crate::registry::call::Call;

/// An object as clients see it: its owners' fields are no text.
pub fn served(call: &Call, object: Option<&Value>) -> Value {
    let Some(object) = object else { return Value::Null };
    let mut object = object.clone();
    let owners = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten() {
        let text = owner.get("fieldsV1").and_then(Value::as_str);
        if let Some(fields) = text.and_then(|text| serde_json::from_str(text).ok()) {
            owner["fieldsV1"] = fields;
        }
    }
    if call.row.converts() {
        call.row.hooks.to_served(&mut object);
    }
    object
}

/// What is asked, and by whom.
pub fn request(call: &Call, change: Change<'_>, operation: &str, name: &str) -> Value {
    let kind = &call.row.kind;
    let of_kind = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let resource = json!({"group": kind.group, "version": kind.version, "resource": kind.plural});
    let identity = &call.identity;
    let extra: Map<String, Value> = identity.extra.iter().map(|(key, values)| (key.clone(), json!(values))).collect();
    let mut request = json!({
        "kind": of_kind, "resource": resource, "requestKind": of_kind, "requestResource": resource,
        "name": name, "operation": operation, "dryRun": call.dry_run(), "options": null,
        "userInfo": {"username": identity.user, "uid": identity.uid, "groups": identity.groups, "extra": extra},
    });
    if kind.namespaced {
        request["namespace"] = call.namespace().into();
    } else if kind.group.is_empty() && kind.plural == "namespaces" {
        request["namespace"] = name.into();
    }
    if !change.subresource.is_empty() {
        request["subResource"] = change.subresource.into();
        request["requestSubResource"] = change.subresource.into();
    }
    request
}
