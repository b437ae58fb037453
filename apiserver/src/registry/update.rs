//! `update`: the whole object, or its status.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use timonier_api::status::Status;

use super::call::Call;
use super::part::Part;
use super::reach::Reach;
use super::write::{self, Ownership};
use super::{decode, shape};

pub async fn update(call: &mut Call, body: Body, part: Part) -> Result<Response, Status> {
    let decoded = decode::body(call, body).await?;
    let mut object = decode::object(call, decoded)?;
    if call.row.converts() {
        call.row.hooks.to_storage(&mut object);
    }
    let name = call.info.name.clone();
    if part == Part::Main && created_by_update(call) {
        let missing = call.fresh().await?.get(&call.key(&name)).is_none();
        if missing {
            let created = write::create(call, object, Ownership::Untracked).await?;
            return shape::one(call, StatusCode::CREATED, &created);
        }
    }
    let written = write::modify(call, &name, part, Reach::Whole, Ownership::Untracked, |_, current| {
        let mut new = object.clone();
        if part == Part::Finalize {
            // All but the finalizers stays as it is.
            let finalizers = new["spec"]["finalizers"].take();
            let revision = new["metadata"]["resourceVersion"].take();
            new = current.stored.clone();
            new["spec"]["finalizers"] = finalizers;
            if revision.is_string() {
                new["metadata"]["resourceVersion"] = revision;
            }
            if new["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty)
                && let Some(spec) = new["spec"].as_object_mut()
            {
                spec.remove("finalizers");
            }
        }
        Ok(new)
    })
    .await?;
    shape::one(call, StatusCode::OK, &written)
}

/// Kinds whose clients PUT without asking whether the object is there.
fn created_by_update(call: &Call) -> bool {
    let stored = &call.storage.kind;
    matches!((&*stored.group, &*stored.plural), ("coordination.k8s.io", "leases") | ("", "events"))
}
