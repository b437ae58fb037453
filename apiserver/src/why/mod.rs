//! `GET /apis/timonier.dev/v1/namespaces/NS/pods/NAME/why`: why a pod waits, or is where it is, as an `Explanation`.
//!
//! It is computed from the state that the scheduler decided on, which it notes on the pod, or from the present where that is
//! asked for (`?now=true`), where it noted none, and where its state is no longer kept or does not explain the pod.
//! `?resourceVersion=R` asks about another moment, and `?nodes=all` lists each refused node. Nothing is stored for it, so any server can answer. It takes the right to
//! `get` `pods/why` of the group `timonier.dev`. Kubernetes has no such path, and discovery does not show it.

mod redact;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;
use timonier_scheduling::DECIDED_AT;
use timonier_scheduling::why::{Basis, Explanation, Verdict};
use timonier_store::{ReadError, Revision, Snapshot};

use crate::app::App;
use crate::identity::Identity;
use crate::object::Object;
use crate::query::Query;
use crate::reading::read_error;
use crate::registry::{at_error, parse_revision};
use crate::{accept::Encoding, respond};

use state::Asked;

/// The group of what Timonier serves beyond Kubernetes.
pub const GROUP: &str = "timonier.dev";

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/apis/timonier.dev/v1/namespaces/{namespace}/pods/{name}/why", get(show))
}

async fn show(
    State(app): State<Arc<App>>,
    Path((namespace, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let query = request.extensions().get::<Query>().cloned().unwrap_or_default();
    let identity = request.extensions().get::<Arc<Identity>>().cloned().unwrap_or_else(|| app.anonymous.clone());
    let told =
        answer(&app, &namespace, &name, &query).await.map(|told| redact::for_whom(told, &app.authorizer, &identity));
    match told.and_then(|told| serde_json::to_value(told).map_err(Status::internal)) {
        Ok(value) => respond::value(StatusCode::OK, Encoding::Json, &value),
        Err(status) => respond::status(status),
    }
}

async fn answer(app: &Arc<App>, namespace: &str, name: &str, query: &Query) -> Result<Explanation, Status> {
    let every_node = match query.get("nodes") {
        None => false,
        Some("all") => true,
        Some(other) => return Err(Status::bad_request(format!("nodes: Invalid value: {other:?}: must be \"all\""))),
    };
    let now = query.flag("now").unwrap_or(false);
    let asked_for = parse_revision(query.get("resourceVersion"))?;
    if now && asked_for.is_some() {
        return Err(Status::bad_request("now and resourceVersion ask for two different states: give one of them"));
    }
    let present = match asked_for {
        Some(revision) => app.store.at(revision).await.map_err(|error| at_error(revision, error))?,
        None => app.store.fresh().await.map_err(read_error)?,
    };
    let not_found = || Status::not_found(&GroupResource::new("", "pods"), name);
    let pod = Object::of(present.get(&format!("pods/{namespace}/{name}")).ok_or_else(not_found)?)?;
    let decided_at = decided_at(&pod)?;
    let asked = Asked { pod, every_node };

    let mut basis = Basis { decided_at: decided_at.map(|revision| revision.to_string()), ..Basis::default() };
    if let Some(revision) = decided_at.filter(|_| !now && asked_for.is_none()) {
        match app.store.at(revision).await {
            Ok(past) => {
                let told = explain(app, past, &asked, basis.clone()).await?;
                if told.verdict != Verdict::Schedulable {
                    return Ok(told);
                }
                basis.note = Some(format!(
                    "At revision {revision}, where the scheduler decided, a node would have done, but for what was being \
                     bound just then. This is how it is now."
                ));
            }
            Err(ReadError::Compacted { .. } | ReadError::Future { .. }) => {
                basis.note = Some(format!(
                    "Revision {revision}, where the scheduler decided, is no longer kept. This is how it is now."
                ));
            }
            Err(other) => return Err(read_error(other)),
        }
    }
    explain(app, present, &asked, basis).await
}

/// The revision that the scheduler has noted.
fn decided_at(pod: &Object) -> Result<Option<Revision>, Status> {
    if !pod.may_have(DECIDED_AT) {
        return Ok(None);
    }
    let value = pod.stored_value()?;
    let noted = value["metadata"]["annotations"][DECIDED_AT].as_str();
    Ok(noted.and_then(|text| text.parse().ok()).map(Revision))
}

/// Reading a large cluster takes a while, so it is done beside the other requests.
async fn explain(app: &Arc<App>, state: Snapshot, asked: &Asked, basis: Basis) -> Result<Explanation, Status> {
    let (app, asked) = (app.clone(), asked.clone());
    let task = tokio::task::spawn_blocking(move || state::explain(&app.kinds.current(), &state, &asked, basis));
    task.await.map_err(Status::internal)?
}
