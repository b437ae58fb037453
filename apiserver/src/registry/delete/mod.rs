//! `delete`: at once, gracefully, or when the last finalizer is gone.

mod options;
pub mod plan;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use timonier_api::status::Status;

use super::call::Call;
use super::commit::{PutError, Write, put};
use super::policies::{self, Change};
use super::reach::Reach;
use super::shape;
use super::write;
use crate::admission::{Attributes, admit};
use crate::object::{Object, meta};
use crate::respond;

pub use options::DeleteOptions;
pub use plan::{Plan, plan};

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
        let snapshot = call.fresh().await?;
        let entry = snapshot.get(&call.key(name)).cloned().ok_or_else(|| call.not_found(name))?;
        let deep = Reach::Metadata.leaves(call, &snapshot);
        let object = Object::of(&entry)?;
        let old = object.shallow_value(deep)?;
        options.check(&call.resource(), name, &old, entry.revision)?;
        admit(&Attributes {
            identity: &call.identity,
            row: &call.storage,
            old: Some(&old),
            new: None,
            grace_period: options.grace_period,
        })?;
        policies::check(call, Change { subresource: "", old: Some(&old), new: None })?;
        let result = match plan(&call.storage, &old, options, Timestamp::now()) {
            Plan::Nothing => return Ok(Deleted::Ending(object)),
            Plan::Remove => put(call, Write::remove(&entry, &old, &old).leaving(deep)).await.map(Deleted::Gone),
            Plan::Mark(new) => put(call, Write::update(&entry, &old, &new).leaving(deep)).await.map(Deleted::Ending),
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
