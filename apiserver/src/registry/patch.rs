//! `patch`: JSON patch, merge patch, strategic merge patch, and server-side apply.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use timonier_api::status::{Cause, Status};
use timonier_merge::PatchError;
use timonier_merge::apply::{self, ApplyError, Conflict, Manager};

use super::call::{Call, schema};
use super::part::Part;
use super::reach::Reach;
use super::write::{self, Ownership};
use super::{decode, shape};
use crate::body;
use crate::kinds::Row;
use crate::object::meta;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub const APPLY: &str = "application/apply-patch+yaml";

impl PatchType {
    pub fn read(call: &Call) -> Result<PatchType, Status> {
        match body::media_type(&call.headers) {
            JSON => Ok(PatchType::Json),
            MERGE => Ok(PatchType::Merge),
            STRATEGIC if call.row.hooks.custom().is_none() => Ok(PatchType::Strategic),
            APPLY => Ok(PatchType::Apply),
            // What a custom resource's fields mean to it, nobody has written down.
            _ if call.row.hooks.custom().is_some() => Err(Status::unsupported_media_type(&[JSON, MERGE, APPLY])),
            _ => Err(Status::unsupported_media_type(&[JSON, MERGE, STRATEGIC, APPLY])),
        }
    }
}

pub async fn patch(call: &mut Call, body: Body, part: Part) -> Result<Response, Status> {
    let kind = PatchType::read(call)?;
    let bytes = body::read(body, call.app.limits.max_request_bytes).await?;
    if kind == PatchType::Apply {
        return apply(call, &bytes, part).await;
    }
    let decoded = body::json(&bytes)?;
    let mut duplicates = decoded.duplicates;
    if kind == PatchType::Json {
        duplicates.clear();
    }
    let patch = decoded.value;
    let name = call.info.name.clone();
    // Owners are decoded for a patch that may have to do with them.
    let owners = kind == PatchType::Json || names_owners(&patch);
    let reach = if owners { Reach::Whole } else { Reach::of_patch(part, &patch) };
    let written = write::modify(call, &name, part, reach, Ownership::Untracked, |call, current| {
        let row = call.row.clone();
        let mut before = if owners { current.object.stored_value()? } else { current.stored.clone() };
        meta::set(&mut before, "resourceVersion", current.object.revision.to_string());
        if row.converts() {
            row.hooks.to_served(&mut before);
        }
        let after = patched(&row, kind, before, &patch)?;
        let mut after = decode::kind(&row, after)?;
        if owners {
            decode::sent_owners(&mut after);
        }
        // What a definition knows may have changed since the object was written.
        let pruned = if row.hooks.custom().is_some() { Reach::Whole } else { reach };
        let untouched = pruned.untouched(&mut after);
        decode::prune(call, &row, &mut after, duplicates.clone())?;
        untouched.put_back(&mut after);
        decode::place(call, &mut after)?;
        // Only a revision that the patch itself names is insisted on.
        if meta::text(&after, "resourceVersion") == current.object.revision.to_string() {
            meta::remove(&mut after, "resourceVersion");
        }
        if call.row.converts() {
            call.row.hooks.to_storage(&mut after);
        }
        Ok(after)
    })
    .await?;
    shape::one(call, StatusCode::OK, &written)
}

fn names_owners(patch: &Value) -> bool {
    patch["metadata"].get("managedFields").is_some()
}

/// The document after one of the patches without owners.
pub fn patched(row: &Row, kind: PatchType, before: Value, patch: &Value) -> Result<Value, Status> {
    let result = match kind {
        PatchType::Json => timonier_merge::json_patch(&before, patch),
        PatchType::Merge | PatchType::Apply if !patch.is_object() => {
            return Err(Status::bad_request("a merge patch is an object"));
        }
        PatchType::Merge | PatchType::Apply => Ok(timonier_merge::merge_patch(before, patch)),
        PatchType::Strategic => timonier_merge::strategic(&before, patch, schema(row)?),
    };
    result.map_err(|error| match error {
        PatchError::Malformed(reason) => Status::bad_request(reason),
        // Without the kind and name, for kubectl shows either those or the message.
        other => Status::failure(422, "Invalid", other.to_string()),
    })
}

/// Server-side apply: makes the object when it is missing.
async fn apply(call: &mut Call, bytes: &Bytes, part: Part) -> Result<Response, Status> {
    let manager = call.field_manager();
    let force = call.query.flag("force").unwrap_or(false);
    let decoded = body::yaml(bytes)?;
    let given_kind = decoded.value["kind"].as_str().unwrap_or("").to_string();
    if given_kind.is_empty() || decoded.value["apiVersion"].as_str().unwrap_or("").is_empty() {
        return Err(Status::bad_request("apiVersion and kind must be set in an applied configuration"));
    }
    if decoded.value["metadata"].get("managedFields").is_some_and(|m| !m.is_null()) {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let mut applied = decode::object(call, decoded)?;
    let pinned = meta::text(&applied, "resourceVersion").to_string();
    let uid = meta::text(&applied, "uid").to_string();
    for field in ["resourceVersion", "uid", "creationTimestamp"] {
        meta::remove(&mut applied, field);
    }
    if call.row.converts() {
        call.row.hooks.to_storage(&mut applied);
    }
    let name = call.info.name.clone();
    let now = Timestamp::now();
    let api_version = call.storage.kind.api_version();
    let subresource = if part == Part::Status { "status" } else { "" };
    let manager = Manager { name: &manager, api_version: &api_version, subresource, time: now };
    let storage = call.storage.clone();
    let merged = |live: Option<&Value>| {
        apply::apply(live, &applied, &manager, force, schema(&storage)?)
            .map_err(|error| refused(&storage, &name, error))
    };
    let missing = call.fresh().await?.get(&call.key(&name)).is_none();
    if missing {
        if part != Part::Main || !uid.is_empty() || !matches!(&*pinned, "" | "0") {
            return Err(call.not_found(&name));
        }
        let object = merged(None)?;
        match write::create(call, object, Ownership::Applied).await {
            Ok(created) => return shape::one(call, StatusCode::CREATED, &created),
            // Someone was faster: apply to theirs.
            Err(status) if status.reason == "AlreadyExists" => {}
            Err(status) => return Err(status),
        }
    }
    let written = write::modify(call, &name, part, Reach::Whole, Ownership::Applied, |_, current| {
        let mut new = merged(Some(current.stored))?;
        for (field, value) in [("resourceVersion", &pinned), ("uid", &uid)] {
            if !value.is_empty() {
                meta::set(&mut new, field, &**value);
            }
        }
        Ok(new)
    })
    .await?;
    shape::one(call, StatusCode::OK, &written)
}

fn refused(row: &Row, name: &str, error: ApplyError) -> Status {
    let message = error.to_string();
    match error {
        ApplyError::Conflicts(conflicts) => conflicted(message, &conflicts),
        ApplyError::Malformed { path, detail } => Status::bad_request(format!(
            "failed to create typed patch object ({name}; {}): {path}: {detail}",
            row.kind.kind
        )),
    }
}

/// Every conflict by manager and field, worded as kubectl shows it.
fn conflicted(message: String, conflicts: &[Conflict]) -> Status {
    let causes = conflicts
        .iter()
        .map(|conflict| Cause {
            reason: "FieldManagerConflict".to_string(),
            message: conflict.to_string(),
            field: conflict.path.clone(),
        })
        .collect();
    Status::apply_conflict(message, causes)
}
