//! `/healthz`, `/livez`, `/readyz`, each with `?verbose` and one path a check, and `/version`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use crate::accept::Encoding;
use crate::app::App;
use crate::query::Query;
use crate::respond;

pub fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    // The Python client asks with a slash at the end.
    for path in ["/version", "/version/"] {
        router = router.route(path, get(version));
    }
    for path in ["/healthz", "/livez", "/readyz"] {
        router = router
            .route(path, get(move |state, request| all(path, state, request)))
            .route(&format!("{path}/{{check}}"), get(one));
    }
    router
}

const CHECKS: [&str; 3] = ["ping", "store", "shutdown"];

/// Whether a check passes; `None` when there is no such check.
async fn check(app: &App, name: &str) -> Option<Result<(), String>> {
    match name {
        "ping" => Some(Ok(())),
        "store" | "etcd" => Some(app.store.fresh().await.map(|_| ()).map_err(|error| error.to_string())),
        "shutdown" => {
            Some(if app.stop.is_cancelled() { Err("the server is shutting down".to_string()) } else { Ok(()) })
        }
        _ => None,
    }
}

async fn all(path: &'static str, State(app): State<Arc<App>>, request: Request) -> Response {
    let query = request.extensions().get::<Query>().cloned().unwrap_or_default();
    let mut failed = false;
    let mut report = String::new();
    for name in CHECKS {
        // A server that drains is alive, but no longer ready.
        if name == "shutdown" && path == "/livez" {
            continue;
        }
        match check(&app, name).await {
            Some(Err(reason)) => {
                failed = true;
                report.push_str(&format!("[-]{name} failed: {reason}\n"));
            }
            _ => report.push_str(&format!("[+]{name} ok\n")),
        }
    }
    let name = path.trim_start_matches('/');
    if failed {
        report.push_str(&format!("{name} check failed\n"));
        return respond::text(StatusCode::INTERNAL_SERVER_ERROR, report);
    }
    if query.flag("verbose").unwrap_or(false) {
        report.push_str(&format!("{name} check passed\n"));
        return respond::text(StatusCode::OK, report);
    }
    respond::text(StatusCode::OK, "ok")
}

async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match check(&app, &name).await {
        Some(Ok(())) => respond::text(StatusCode::OK, "ok"),
        Some(Err(reason)) => respond::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{name} failed: {reason}\n")),
        None => respond::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

async fn version() -> Response {
    let version = json!({
        "major": "1",
        "minor": "36",
        "gitVersion": concat!("v1.36.0+timonier", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, go_architecture()),
    });
    respond::value(StatusCode::OK, Encoding::Json, &version)
}

/// The architecture under Go's name, since that is what clients compare with.
fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
