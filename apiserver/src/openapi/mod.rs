//! OpenAPI v2 and v3: built when first asked for, kept compressed. `paths` says what may be done, `walk` goes through it, `v2`
//! and `v3` write it down.

pub mod cache;
mod custom;
mod found;
mod paths;
mod v2;
mod v3;
mod walk;

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use timonier_api::status::Status;

use crate::app::App;
use crate::kinds::table::{Group, GroupVersion};
use crate::kinds::{Row, Table};
use crate::respond;
use cache::{Document, V3, compress};

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi/v2", get(serve_v2))
        .route("/openapi/v3", get(serve_index))
        .route("/openapi/v3/{*path}", get(serve_v3))
}

const JSON: &str = "application/json";

async fn serve_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let table = app.kinds.current();
    let headers = request.headers();
    let document = if v2::wants_protobuf(headers) {
        let build = || compress(&v2::protobuf(&v2::document(&table)), v2::PROTOBUF);
        app.openapi.get(table.rows(), "v2.pb", build)
    } else {
        app.openapi.get(table.rows(), "v2", || compress(&serde_json::to_vec(&v2::document(&table)).ok()?, JSON))
    };
    answer(headers, document)
}

/// The index of v3: each path with the hash of its document, so that clients may keep them.
async fn serve_index(State(app): State<Arc<App>>, request: Request) -> Response {
    let table = app.kinds.current();
    let mut hashes = serde_json::Map::new();
    let mut names = HashSet::new();
    for (path, version) in group_versions(&table) {
        let hash = hash_of_custom(&version.rows).or_else(|| Some(group_version(&app, &path, version)?.hash));
        names.insert(format!("{V3}{path}"));
        let url = format!("/openapi/v3/{path}?hash={}", hash.as_deref().unwrap_or_default());
        hashes.insert(path, serde_json::json!({"serverRelativeURL": url}));
    }
    app.openapi.retain(&names);
    let index = app
        .openapi
        .get(table.rows(), "index", || compress(serde_json::json!({"paths": hashes}).to_string().as_bytes(), JSON));
    answer(request.headers(), index)
}

async fn serve_v3(
    State(app): State<Arc<App>>,
    axum::extract::Path(path): axum::extract::Path<String>,
    request: Request,
) -> Response {
    let table = app.kinds.current();
    let version = group_versions(&table).find(|(known, _)| *known == path).map(|(_, version)| version);
    answer(request.headers(), version.and_then(|version| group_version(&app, &path, version)))
}

/// All groups and versions, by the paths of their documents: `api/v1`, `apis/apps/v1`.
fn group_versions<'a>(table: &'a Table) -> impl Iterator<Item = (String, &'a GroupVersion)> {
    let of_group = |group: &'a Group| group.versions.iter().map(move |v| (paths::root(&group.name, &v.version), v));
    table.groups().iter().flat_map(of_group)
}

fn group_version(app: &App, path: &str, version: &GroupVersion) -> Option<Document> {
    app.openapi.get(&version.rows, &format!("{V3}{path}"), || {
        let document = compress(&serde_json::to_vec(&v3::document(&version.rows)).ok()?, JSON)?;
        let hash = hash_of_custom(&version.rows).unwrap_or(document.hash);
        Some(Document { hash, ..document })
    })
}

/// Of a document of custom resources alone, without making it: a server may have thousands of them that nobody asks for.
fn hash_of_custom(rows: &[Arc<Row>]) -> Option<Arc<str>> {
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    for row in rows {
        digest.update(row.hooks.custom()?.identity());
    }
    Some(hex::encode_upper(digest.finalize()).into())
}

fn answer(headers: &HeaderMap, document: Option<Document>) -> Response {
    let Some(document) = document else {
        return respond::status(Status::no_such_path());
    };
    let etag = format!("\"{}\"", document.hash);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
    let mut response = if accepts.contains("gzip") {
        let mut response = respond::typed(StatusCode::OK, document.content_type, Body::from(document.gzip));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        let mut plain = vec![];
        match GzDecoder::new(&*document.gzip).read_to_end(&mut plain) {
            Ok(_) => respond::typed(StatusCode::OK, document.content_type, Body::from(plain)),
            Err(error) => return respond::status(Status::internal(error)),
        }
    };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}
