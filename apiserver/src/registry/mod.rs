//! The resources: one verb a file. [`dispatch`] is where a request arrives after the layers.
//!
//! Reading order: `call` (what a verb is given), `options`, `select`, `past` (reading at a revision), `get`, `list`, `watch`; `decode`, `write` and `commit` (what all writing
//! shares), `create`, `update`, `patch`, `delete`, `delete_collection`; then the subresources `scale`, `binding`, `eviction`, `token`, `log`, `proxy`.

mod binding;
mod budget;
mod call;
mod commit;
mod components;
mod connect;
mod create;
mod decode;
mod delete;
mod delete_collection;
mod eviction;
mod get;
pub mod internal;
pub mod keys;
mod list;
mod log;
mod options;
mod part;
mod past;
mod patch;
mod policies;
mod projection;
mod protobuf;
mod proxy;
mod reach;
mod review;
mod scale;
mod select;
mod served;
mod shape;
mod table;
mod token;
mod tunnel;
mod update;
mod watch;
mod write;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;
use timonier_telemetry::span;
use tracing::Instrument;

pub use call::{Call, parse_revision};
use part::Part;
pub use past::at_error;
pub use select::Selection;

use crate::app::App;
use crate::auth::rbac;
use crate::body;
use crate::compress;
use crate::definitions;
use crate::kinds::{Custom, Origin, Subresource};
use crate::request::RequestInfo;
use crate::respond;

/// Answers a request for a resource; the fallback of the router, so other paths are 404 here.
pub async fn dispatch(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    await_kind(&app, &parts).await;
    let mut call = match Call::new(app, parts) {
        Ok(call) => call,
        Err(status) => return respond::status(status),
    };
    call.warnings.extend(call.row.hooks.deprecation());
    let span = span!("registry", namespace = &*call.info.namespace, name = &*call.info.name);
    let mut response = match answer(&mut call, body).instrument(span).await {
        Ok(response) => response,
        Err(status) => respond::status_as(call.accept.encoding, status),
    };
    // Whoever was told of a change finds it in force.
    if call.row.kind.group == rbac::GROUP && !matches!(call.info.verb, "get" | "list" | "watch") {
        call.app.authorizer.rbac.refresh(&call.app.store.snapshot());
    }
    respond::warn(&mut response, &call.warnings);
    if call.info.subresource == Subresource::Proxy.name() {
        return response;
    }
    compress::large(&call.headers, response)
}

/// A kind that is not known here may have been added by another server this very moment.
async fn await_kind(app: &App, parts: &Parts) {
    let Some(info) = parts.extensions.get::<RequestInfo>().filter(|info| info.group.contains('.')) else {
        return;
    };
    if app.kinds.current().by_plural(&info.group, &info.version, &info.resource).is_none() {
        definitions::catch_up(app, &info.group, &info.resource).await;
    }
}

async fn answer(call: &mut Call, body: Body) -> Result<Response, Status> {
    if call.info.subresource == Subresource::Proxy.name() && call.row.has(Subresource::Proxy) {
        return proxy::proxy(call, body).await;
    }
    let verb = call.info.verb;
    options::check(verb, &call.query, body::media_type(&call.headers) == patch::APPLY)?;
    if verb == "create" && call.row.hooks.custom().is_some_and(Custom::is_ending) {
        let message = "create not allowed while custom resource definition is terminating";
        return Err(Status { message: message.to_owned(), ..unsupported(call) });
    }
    if call.info.subresource.is_empty() {
        if !call.row.may(verb) {
            return Err(unsupported(call));
        }
        if let Some(asked) = call.row.hooks.review().filter(|_| call.info.name.is_empty()) {
            return review::answer(call, asked, body).await;
        }
        match call.row.hooks.origin() {
            Origin::Store => {}
            Origin::Binding => return binding::bind_named(call, body).await,
            Origin::Components => return components::answer(call).await,
        }
        return match verb {
            "get" => get::get(call).await,
            "list" => list::list(call).await,
            "watch" => watch::watch(call).await,
            "create" if call.info.name.is_empty() => create::create(call, body).await,
            "update" => update::update(call, body, Part::Main).await,
            "patch" => patch::patch(call, body, Part::Main).await,
            "delete" => delete::delete(call, body).await,
            "deletecollection" => delete_collection::delete_collection(call, body).await,
            _ => Err(unsupported(call)),
        };
    }
    let name = &call.info.subresource;
    let known = call.row.subresources.iter().find(|s| s.name() == name).copied();
    match (known.ok_or_else(Status::no_such_path)?, verb) {
        (Subresource::Status, "get") => get::get(call).await,
        (Subresource::Status, "update") => update::update(call, body, Part::Status).await,
        (Subresource::Status, "patch") => patch::patch(call, body, Part::Status).await,
        (Subresource::Approval, "get") => get::get(call).await,
        (Subresource::Approval, "update") => update::update(call, body, Part::Approval).await,
        (Subresource::Approval, "patch") => patch::patch(call, body, Part::Approval).await,
        (Subresource::EphemeralContainers | Subresource::Resize, "get") => get::get(call).await,
        (own @ (Subresource::EphemeralContainers | Subresource::Resize), "update") => {
            update::update(call, body, Part::Own(own)).await
        }
        (own @ (Subresource::EphemeralContainers | Subresource::Resize), "patch") => {
            patch::patch(call, body, Part::Own(own)).await
        }
        (Subresource::Finalize, "update") => update::update(call, body, Part::Finalize).await,
        (Subresource::Scale, "get") => scale::get(call).await,
        (Subresource::Scale, "update") => scale::update(call, body).await,
        (Subresource::Scale, "patch") => scale::patch(call, body).await,
        (Subresource::Binding, "create") => binding::bind(call, body).await,
        (Subresource::Token, "create") => token::create(call, body).await,
        (Subresource::Eviction, "create") => eviction::evict(call, body).await,
        (Subresource::Log, "get") => log::log(call).await,
        (part @ (Subresource::Exec | Subresource::Attach | Subresource::PortForward), "get" | "create") => {
            connect::connect(call, part).await
        }
        _ => Err(unsupported(call)),
    }
}

fn unsupported(call: &Call) -> Status {
    let resource = GroupResource::new(&*call.info.group, &*call.info.resource);
    Status::method_not_supported(&resource, call.info.verb)
}
