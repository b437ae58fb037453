//! Discovery: which groups, versions and resources are served. In one document for new clients, in many for old ones.

mod aggregated;
pub mod cache;
mod legacy;
mod openid;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use timonier_api::status::Status;

use crate::accept::Accept;
use crate::app::App;
use crate::kinds::{Row, Subresource};
use crate::respond;
use cache::Document;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(paths))
        .route("/api", get(core))
        .route("/api/", get(core))
        .route("/apis", get(groups))
        .route("/apis/", get(groups))
        .route("/api/{version}", get(core_version))
        .route("/api/{version}/", get(core_version))
        .route("/apis/{group}", get(group))
        .route("/apis/{group}/", get(group))
        .route("/apis/{group}/{version}", get(group_version))
        .route("/apis/{group}/{version}/", get(group_version))
        .merge(openid::routes())
}

/// Every path at which something can be found.
async fn paths(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let table = app.kinds.current();
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ]
    .map(str::to_string)
    .to_vec();
    for group in legacy::groups(&table) {
        let name = &group.name;
        paths.push(format!("/apis/{name}"));
        paths.extend(group.versions.iter().map(|version| format!("/apis/{name}/{}", version.version)));
    }
    paths.sort();
    plain(&headers, &serde_json::json!({"paths": paths}))
}

async fn core(State(app): State<Arc<App>>, request: Request) -> Response {
    let table = app.kinds.current();
    match aggregated::wanted(request.headers()) {
        Some(version) => {
            let document = app.discovery.get(&table, "/api", version, || aggregated::core(&table, version));
            tagged(request.headers(), version, &document)
        }
        None => plain(request.headers(), &legacy::api_versions(&table, app.advertise)),
    }
}

async fn groups(State(app): State<Arc<App>>, request: Request) -> Response {
    let table = app.kinds.current();
    match aggregated::wanted(request.headers()) {
        Some(version) => {
            let document = app.discovery.get(&table, "/apis", version, || aggregated::groups(&table, version));
            tagged(request.headers(), version, &document)
        }
        None => plain(request.headers(), &legacy::group_list(&table)),
    }
}

async fn core_version(State(app): State<Arc<App>>, Path(version): Path<String>, headers: HeaderMap) -> Response {
    found(&headers, legacy::resource_list(&app.kinds.current(), "", &version))
}

async fn group(State(app): State<Arc<App>>, Path(group): Path<String>, headers: HeaderMap) -> Response {
    found(&headers, legacy::group(&app.kinds.current(), &group))
}

async fn group_version(
    State(app): State<Arc<App>>,
    Path((group, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    found(&headers, legacy::resource_list(&app.kinds.current(), &group, &version))
}

fn found(headers: &HeaderMap, document: Option<Value>) -> Response {
    match document {
        Some(document) => plain(headers, &document),
        None => respond::status(Status::no_such_path()),
    }
}

fn plain(headers: &HeaderMap, document: &Value) -> Response {
    match Accept::parse(headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()), true) {
        Ok(accept) => respond::value(StatusCode::OK, accept.encoding, document),
        Err(status) => respond::status(status),
    }
}

/// An aggregated document, or 304 when the client has it.
fn tagged(headers: &HeaderMap, version: &'static str, document: &Document) -> Response {
    let Document { body, etag } = document;
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let mut response = if known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        respond::typed(StatusCode::OK, aggregated::content_type(version), body.clone().into())
    };
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// Kind and verbs of a subresource: group, version, kind.
pub fn subresource(row: &Row, subresource: Subresource) -> ((String, String, String), &'static [&'static str]) {
    let own = (row.kind.group.clone(), row.kind.version.clone(), row.kind.kind.clone());
    let options = |kind: &str| (row.kind.group.clone(), row.kind.version.clone(), kind.to_string());
    match subresource {
        Subresource::Status | Subresource::Approval | Subresource::EphemeralContainers | Subresource::Resize => {
            (own, &["get", "patch", "update"])
        }
        Subresource::Finalize => (own, &["update"]),
        Subresource::Log => (own, &["get"]),
        Subresource::Exec => (options("PodExecOptions"), &["create", "get"]),
        Subresource::Attach => (options("PodAttachOptions"), &["create", "get"]),
        Subresource::PortForward => (options("PodPortForwardOptions"), &["create", "get"]),
        Subresource::Proxy => {
            (options(&format!("{}ProxyOptions", row.kind.kind)), &["create", "delete", "get", "patch", "update"])
        }
        Subresource::Scale => (("autoscaling".into(), "v1".into(), "Scale".into()), &["get", "patch", "update"]),
        Subresource::Token => (("authentication.k8s.io".into(), "v1".into(), "TokenRequest".into()), &["create"]),
        Subresource::Eviction => (("policy".into(), "v1".into(), "Eviction".into()), &["create"]),
        Subresource::Binding => (("".into(), "v1".into(), "Binding".into()), &["create"]),
    }
}
