//! `get`: one object.

use axum::response::Response;
use http::StatusCode;
use timonier_api::status::Status;
use timonier_store::{Revision, Snapshot};

use super::call::{Call, parse_revision};
use super::{past, shape};
use crate::object::Object;
use crate::reading::read_error;

pub async fn get(call: &mut Call) -> Result<Response, Status> {
    let snapshot = moment(call).await?;
    let name = &call.info.name;
    let entry = snapshot.get(&call.key(name)).ok_or_else(|| call.not_found(name))?;
    let object = Object::of(entry)?;
    shape::one(call, StatusCode::OK, &object)
}

/// The state to read. Kubernetes knows `resourceVersionMatch` for lists alone; here an object can be read as it was, too.
async fn moment(call: &Call) -> Result<Snapshot, Status> {
    let store = &call.app.store;
    let revision = parse_revision(call.query.get("resourceVersion"))?;
    match (revision, call.query.get("resourceVersionMatch")) {
        (None, _) => call.fresh().await,
        (Some(Revision(0)), _) => Ok(store.snapshot()),
        (Some(revision), Some("Exact")) => past::at(call, revision, &call.key(&call.info.name)).await,
        (Some(revision), _) => store.wait_for(revision).await.map_err(read_error),
    }
}
