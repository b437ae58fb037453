//! `deletecollection`: every object that a list would show.

use axum::body::Body;
use axum::response::Response;
use timonier_api::status::Status;

use super::call::Call;
use super::delete::{self, DeleteOptions, Deleted};
use super::list::{self, page};
use super::select::Selection;

/// Answers with the objects as they last were. One that is gone already is no error.
pub async fn delete_collection(call: &mut Call, body: Body) -> Result<Response, Status> {
    let options = DeleteOptions::read(call, body).await?;
    let selection = Selection::read(call)?;
    let snapshot = call.fresh().await?;
    let mut page = page::take(&snapshot, &selection, None, 0)?;
    let asked = call.info.namespace.clone();
    let found = std::mem::take(&mut page.objects);
    let mut revision = snapshot.revision();
    for object in found {
        call.info.namespace = object.index.namespace().to_string();
        match delete::one(call, object.index.name(), &options).await {
            Ok(Deleted::Gone(object) | Deleted::Ending(object)) => {
                revision = revision.max(object.revision);
                page.objects.push(object);
            }
            Err(status) if status.code == 404 => {}
            Err(status) => return Err(status),
        }
    }
    call.info.namespace = asked;
    list::answer(call, revision, page)
}
