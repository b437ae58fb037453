//! `create`.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use timonier_api::field::{FieldError, Path};
use timonier_api::status::Status;

use super::call::Call;
use super::write::{self, Ownership};
use super::{decode, shape};
use crate::object::meta;

pub async fn create(call: &mut Call, body: Body) -> Result<Response, Status> {
    let decoded = decode::body(call, body).await?;
    let mut object = decode::object(call, decoded)?;
    if meta::text(&object, "name").is_empty() && meta::text(&object, "generateName").is_empty() {
        let name = Path::new("metadata").child("name");
        let error = FieldError::required(&name, "name or generateName is required");
        return Err(Status::invalid(&call.row.kind.group_kind(), "", vec![error]));
    }
    if call.row.converts() {
        call.row.hooks.to_storage(&mut object);
    }
    let created = write::create(call, object, Ownership::Untracked).await?;
    shape::one(call, StatusCode::CREATED, &created)
}
