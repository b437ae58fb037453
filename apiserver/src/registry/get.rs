//! `get`: one object.

use axum::response::Response;
use http::StatusCode;
use timonier_api::status::Status;

use super::call::{Call, parse_revision, read_error};
use super::shape;
use crate::object::Object;

pub async fn get(call: &mut Call) -> Result<Response, Status> {
    let snapshot = match parse_revision(call.query.get("resourceVersion"))? {
        None => call.fresh().await?,
        Some(revision) if revision.0 == 0 => call.app.store.snapshot(),
        Some(revision) => call.app.store.wait_for(revision).await.map_err(read_error)?,
    };
    let name = &call.info.name;
    let entry = snapshot.get(&call.key(name)).ok_or_else(|| call.not_found(name))?;
    let object = Object::of(entry)?;
    shape::one(call, StatusCode::OK, &object)
}
