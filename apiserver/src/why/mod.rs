//! Why pods wait, or are where they are, as `kind: Explanation`:
//!
//! | path | of | right |
//! |---|---|---|
//! | `/apis/timonier.dev/v1/namespaces/NS/pods/NAME/why` | one pod | `get` `pods/why` |
//! | `/apis/timonier.dev/v1/namespaces/NS/explanations`, `/apis/timonier.dev/v1/explanations` | all that wait, one of each controller's, as a list | `list` `explanations` |
//!
//! They are computed from the state that the scheduler decided on, which it notes on each pod, or from the present where that is
//! asked for (`?now=true`), where it noted none, and where its state is no longer kept or does not explain the pod. Many pods are
//! explained from the newest state that one of them was decided on: what it said of the others since then still holds.
//! `?resourceVersion=R` asks about another moment, `?nodes=all` lists each refused node, and lists take selectors. Nothing is stored for it,
//! so any server can answer. Kubernetes has no such paths, and discovery does not show them.

mod judge;
mod redact;
mod state;
mod waiting;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;
use timonier_scheduling::why::{API_VERSION, Explanation, LIST_KIND};
use timonier_store::{Revision, Snapshot};

use crate::app::App;
use crate::identity::Identity;
use crate::object::Object;
use crate::query::Query;
use crate::reading::read_error;
use crate::registry::{at_error, parse_revision};
use crate::{accept::Encoding, respond};

/// The group of what Timonier serves beyond Kubernetes.
pub const GROUP: &str = "timonier.dev";

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apis/timonier.dev/v1/namespaces/{namespace}/pods/{name}/why", get(of_one))
        .route("/apis/timonier.dev/v1/namespaces/{namespace}/explanations", get(of_a_namespace))
        .route("/apis/timonier.dev/v1/explanations", get(of_all))
}

type Shared = State<Arc<App>>;

async fn of_one(State(app): Shared, Path((namespace, name)): Path<(String, String)>, request: Request) -> Response {
    let (query, identity) = asked(&app, &request);
    let found = one(&app, &namespace, &name, &query).await;
    let told = found.map(|told| redact::for_whom(told, &app.authorizer, &identity));
    respond(told.and_then(|told| serde_json::to_value(told).map_err(Status::internal)))
}

async fn of_a_namespace(State(app): Shared, Path(namespace): Path<String>, request: Request) -> Response {
    let (query, identity) = asked(&app, &request);
    respond(all(&app, &namespace, &query, &identity).await)
}

async fn of_all(State(app): Shared, request: Request) -> Response {
    let (query, identity) = asked(&app, &request);
    respond(all(&app, "", &query, &identity).await)
}

/// What is asked, and by whom.
fn asked(app: &App, request: &Request) -> (Query, Arc<Identity>) {
    let query = request.extensions().get::<Query>().cloned().unwrap_or_default();
    (query, request.extensions().get::<Arc<Identity>>().cloned().unwrap_or_else(|| app.anonymous.clone()))
}

fn respond(answer: Result<Value, Status>) -> Response {
    match answer {
        Ok(value) => respond::value(StatusCode::OK, Encoding::Json, &value),
        Err(status) => respond::status(status),
    }
}

/// What a query asks for.
struct Wish {
    every_node: bool,
    now: bool,
    at: Option<Revision>,
}

impl Wish {
    fn read(query: &Query) -> Result<Wish, Status> {
        let every_node = match query.get("nodes") {
            None => false,
            Some("all") => true,
            Some(other) => {
                return Err(Status::bad_request(format!("nodes: Invalid value: {other:?}: must be \"all\"")));
            }
        };
        let now = query.flag("now").unwrap_or(false);
        let at = parse_revision(query.get("resourceVersion"))?;
        if now && at.is_some() {
            return Err(Status::bad_request("now and resourceVersion ask for two different states: give one of them"));
        }
        Ok(Wish { every_node, now, at })
    }

    /// Whether the state is left to what the scheduler has noted.
    fn decided(&self) -> bool {
        !self.now && self.at.is_none()
    }

    /// The present, or the moment that is asked for.
    async fn state(&self, app: &App) -> Result<Snapshot, Status> {
        match self.at {
            Some(revision) => app.store.at(revision).await.map_err(|error| at_error(revision, error)),
            None => app.store.fresh().await.map_err(read_error),
        }
    }
}

async fn one(app: &Arc<App>, namespace: &str, name: &str, query: &Query) -> Result<Explanation, Status> {
    let wish = Wish::read(query)?;
    let state = wish.state(app).await?;
    let not_found = || Status::not_found(&GroupResource::new("", "pods"), name);
    let pod = Object::of(state.get(&format!("pods/{namespace}/{name}")).ok_or_else(not_found)?)?;
    let mut told = judge::all(app, state, wish.decided(), wish.every_node, vec![pod]).await?;
    told.pop().ok_or_else(not_found)
}

async fn all(app: &Arc<App>, namespace: &str, query: &Query, identity: &Identity) -> Result<Value, Status> {
    let wish = Wish::read(query)?;
    let state = wish.state(app).await?;
    let revision = state.revision().to_string();
    let waiting = waiting::by_controller(&app.kinds.current(), &state, namespace, query)?;
    let (pods, others): (Vec<_>, Vec<_>) = waiting.into_iter().map(|group| (group.first, group.others)).unzip();
    let told = judge::all(app, state, wish.decided(), wish.every_node, pods).await?;
    let items = told.into_iter().zip(others).map(|(told, others)| {
        let told = redact::for_whom(told, &app.authorizer, identity);
        serde_json::to_value(Explanation { like_it: others, ..told }).map_err(Status::internal)
    });
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"apiVersion": API_VERSION, "kind": LIST_KIND, "metadata": {"resourceVersion": revision}, "items": items}))
}
