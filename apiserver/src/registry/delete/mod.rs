//! `delete`: at once, gracefully, or when the last finalizer is gone.

mod options;
mod plan;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use timonier_api::status::Status;
use timonier_store::{Entry, Txn};

use super::call::Call;
use super::shape;
use super::write::{self, PutError};
use crate::admission::{Attributes, admit};
use crate::object::{self, Object, meta};
use crate::respond;

pub use options::DeleteOptions;
pub use plan::is_over;
use plan::{Plan, plan};

const ATTEMPTS: usize = 100;

pub async fn delete(call: &mut Call, body: Body) -> Result<Response, Status> {
    let options = DeleteOptions::read(call, body).await?;
    let name = call.info.name.clone();
    match one(call, &name, &options).await? {
        Deleted::Gone(object) if call.storage.kind.plural != "pods" => {
            let uid = object.stored_value()?;
            let status = Status::success(&call.resource(), &name, meta::text(&uid, "uid"));
            Ok(respond::status_as(call.accept.encoding, status))
        }
        Deleted::Gone(object) | Deleted::Ending(object) => shape::one(call, StatusCode::OK, &object),
    }
}

/// What became of an object that was to be deleted.
pub enum Deleted {
    /// It is gone; this is its last state.
    Gone(Arc<Object>),
    /// It stays until its grace period or finalizers are over.
    Ending(Arc<Object>),
}

/// Deletes one object.
pub async fn one(call: &mut Call, name: &str, options: &DeleteOptions) -> Result<Deleted, Status> {
    for _ in 0..ATTEMPTS {
        let entry = call.entry(name).await?;
        let object = Object::of(&entry)?;
        let old = object.working_value()?;
        options.check(&call.resource(), name, &old, entry.revision)?;
        admit(&Attributes {
            identity: &call.identity,
            row: &call.storage,
            old: Some(&old),
            new: None,
            grace_period: options.grace_period,
        })?;
        let result = match plan(&call.storage, &old, options, Timestamp::now()) {
            Plan::Nothing => return Ok(Deleted::Ending(object)),
            Plan::Remove => remove(call, &entry, &old).await.map(Deleted::Gone),
            Plan::Mark(new) => {
                write::put(call, entry.key.clone(), &new, Some(entry.revision)).await.map(Deleted::Ending)
            }
        };
        match result {
            Ok(deleted) => return Ok(deleted),
            // Changed meanwhile: look again, unless the client insisted on a revision.
            Err(PutError::Conflict) if options.revision.is_some() => return Err(write::modified(call, name)),
            Err(PutError::Conflict) => {}
            Err(PutError::Other(status)) => return Err(*status),
        }
    }
    Err(write::modified(call, name))
}

/// Takes an entry out of the store; returns the object as it last was, at the revision of its deletion.
pub async fn remove(call: &Call, entry: &Entry, last: &Value) -> Result<Arc<Object>, PutError> {
    let revision = if call.dry_run() {
        entry.revision
    } else {
        write::commit(call, Txn::delete(entry.key.clone(), entry.revision)).await?
    };
    let value = object::encode(last, &call.storage)?;
    Object::decode(&value.into(), revision).map_err(|error| PutError::from(Status::internal(error)))
}
