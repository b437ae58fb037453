//! From a request's body to an object that fits the schema, with strictness as the client wishes.

use serde_json::Value;
use timonier_api::status::Status;

use super::call::{Call, schema};
use crate::body::{self, Decoded};
use crate::kinds::Row;
use crate::object::meta;

/// What to do with fields that are unknown or given twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    Ignore,
    Warn,
    Strict,
}

impl Strictness {
    pub fn read(call: &Call) -> Strictness {
        match call.query.get("fieldValidation") {
            Some("Ignore") => Strictness::Ignore,
            Some("Strict") => Strictness::Strict,
            _ => Strictness::Warn,
        }
    }
}

/// Decodes the body by its content type.
pub async fn body(call: &Call, body: axum::body::Body) -> Result<Decoded, Status> {
    let bytes = body::read(body, call.app.limits.max_request_bytes).await?;
    if bytes.is_empty() {
        return Err(Status::bad_request("the body is empty: an object is expected"));
    }
    body::decode(body::media_type(&call.headers), &bytes)
}

/// An object of the kind of this call, whole: of the right kind, without unknown fields, well typed, in the right place.
pub fn object(call: &mut Call, decoded: Decoded) -> Result<Value, Status> {
    let row = call.row.clone();
    let mut object = kind(&row, decoded.value)?;
    sent_owners(&mut object);
    prune(call, &row, &mut object, decoded.duplicates)?;
    place(call, &mut object)?;
    Ok(object)
}

/// Checks `apiVersion` and `kind`, and fills them in when missing.
pub fn kind(row: &Row, mut object: Value) -> Result<Value, Status> {
    let Some(fields) = object.as_object_mut() else {
        return Err(Status::bad_request("the body is not an object"));
    };
    let api_version = row.kind.api_version();
    let given = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or("").to_string();
    let (given_version, given_kind) = (given("apiVersion"), given("kind"));
    if !given_version.is_empty() && given_version != api_version {
        return Err(Status::bad_request(format!(
            "the API version in the data ({given_version}) does not match the expected API version ({api_version})"
        )));
    }
    if !given_kind.is_empty() && given_kind != row.kind.kind {
        return Err(Status::bad_request(format!(
            "the kind in the data ({given_kind}) does not match the expected kind ({})",
            row.kind.kind
        )));
    }
    fields.insert("apiVersion".to_string(), api_version.into());
    fields.insert("kind".to_string(), row.kind.kind.clone().into());
    if object["metadata"].is_null() {
        meta::of(&mut object);
    }
    Ok(object)
}

/// Makes text in the place of fields in `metadata.managedFields` something that is no set: there it is the server's own
/// form.
pub fn sent_owners(object: &mut Value) {
    let owners = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    let fields = owners.into_iter().flatten().filter_map(|owner| owner.get_mut("fieldsV1"));
    fields.filter(|fields| fields.is_string()).for_each(|fields| *fields = Value::Bool(false));
}

/// Drops what the schema does not know and says so as the client wishes; wrong types are always refused.
pub fn prune(call: &mut Call, row: &Row, object: &mut Value, duplicates: Vec<String>) -> Result<(), Status> {
    let strictness = Strictness::read(call);
    let pruned = match row.hooks.custom() {
        Some(custom) => custom.prune(object),
        None => schema(row)?.prune(object),
    };
    if !pruned.type_errors.is_empty() {
        let errors: Vec<String> = pruned.type_errors.iter().map(|error| error.to_string()).collect();
        return Err(Status::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {}",
            row.kind.kind,
            row.kind.version,
            row.kind.kind,
            errors.join(", ")
        )));
    }
    let unknown = pruned.unknown.iter().map(|path| format!("unknown field {path:?}"));
    let problems: Vec<String> = duplicates.into_iter().chain(unknown).collect();
    match strictness {
        Strictness::Ignore => {}
        Strictness::Warn => call.warnings.extend(problems),
        Strictness::Strict if problems.is_empty() => {}
        Strictness::Strict => {
            return Err(Status::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                row.kind.kind,
                row.kind.version,
                row.kind.kind,
                problems.join(", ")
            )));
        }
    }
    Ok(())
}

/// Brings the object's namespace and name together with those of the URL.
pub fn place(call: &Call, object: &mut Value) -> Result<(), Status> {
    let namespace = call.namespace();
    let given = meta::text(object, "namespace").to_string();
    if call.row.kind.namespaced {
        if given.is_empty() {
            meta::set(object, "namespace", namespace);
        } else if given != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    } else {
        meta::remove(object, "namespace");
    }
    if call.info.name.is_empty() {
        return Ok(());
    }
    let given = meta::text(object, "name").to_string();
    if given.is_empty() {
        meta::set(object, "name", &*call.info.name);
    } else if given != call.info.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({})",
            call.info.name
        )));
    }
    Ok(())
}
