//! JSON patch, RFC 6902: the `json-patch` crate behind errors that name the operation that failed.

use json_patch::PatchOperation;
use serde_json::Value;

use super::PatchError;

/// Kubernetes refuses longer patches, so that a request of a few megabytes cannot keep a core busy for minutes.
const MOST_OPERATIONS: usize = 10_000;

/// Carries out the operations of `patch` (a JSON array) in order on a copy of `doc`: all of them, or none.
pub fn json_patch(doc: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Array(operations) = patch else {
        return Err(PatchError::Malformed("a JSON patch must be an array of operations".into()));
    };
    if operations.len() > MOST_OPERATIONS {
        return Err(PatchError::Malformed(format!(
            "the allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let decoded = operations
        .iter()
        .enumerate()
        .map(|(index, operation)| decode(index, operation))
        .collect::<Result<Vec<_>, _>>()?;
    let mut patched = doc.clone();
    // On a copy nothing needs to be undone; the crate's undoing panics on a move to the root.
    json_patch::patch_unsafe(&mut patched, &decoded).map_err(|error| {
        let operation = operations.get(error.operation);
        PatchError::Operation {
            index: error.operation,
            operation: member(operation, "op"),
            path: member(operation, "path"),
            detail: error.kind.to_string(),
        }
    })?;
    Ok(patched)
}

fn decode(index: usize, operation: &Value) -> Result<PatchOperation, PatchError> {
    serde_json::from_value(operation.clone()).map_err(|error| {
        PatchError::Malformed(format!(
            "patch operation {index} ({:?}) is not valid: {error}",
            member(Some(operation), "op")
        ))
    })
}

fn member(operation: Option<&Value>, name: &str) -> String {
    operation.and_then(|operation| operation.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
}
