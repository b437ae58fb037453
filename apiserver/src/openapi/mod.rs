//! OpenAPI v2 and v3: built when first asked for, kept compressed.

mod paths;
mod v2;
mod v3;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use timonier_api::status::Status;

use crate::app::App;
use crate::kinds::Table;
use crate::respond;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi/v2", get(serve_v2))
        .route("/openapi/v3", get(serve_index))
        .route("/openapi/v3/{*path}", get(serve_v3))
}

/// A finished document.
#[derive(Clone)]
struct Document {
    gzip: Bytes,
    /// Of the uncompressed form, upper-case hexadecimal.
    hash: Arc<str>,
    content_type: &'static str,
}

/// The documents made so far. A table that was swapped is another table, and makes them anew.
#[derive(Default)]
pub struct Cache(Mutex<Made>);

#[derive(Default)]
struct Made {
    /// The table that they describe, kept alive so that its address is its identity.
    table: Option<Arc<Table>>,
    documents: HashMap<String, Document>,
}

impl Cache {
    fn get(
        &self,
        table: &Arc<Table>,
        name: &str,
        content_type: &'static str,
        build: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Document> {
        let mut made = self.0.lock();
        if !made.table.as_ref().is_some_and(|known| Arc::ptr_eq(known, table)) {
            made.table = Some(table.clone());
            made.documents.clear();
        }
        if let Some(document) = made.documents.get(name) {
            return Some(document.clone());
        }
        let document = compress(&build()?, content_type)?;
        made.documents.insert(name.to_string(), document.clone());
        Some(document)
    }
}

fn compress(body: &[u8], content_type: &'static str) -> Option<Document> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(body).ok()?;
    Some(Document {
        gzip: encoder.finish().ok()?.into(),
        hash: hex::encode_upper(Sha256::digest(body)).into(),
        content_type,
    })
}

const JSON: &str = "application/json";

async fn serve_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let table = app.kinds.current();
    let headers = request.headers();
    let document = if v2::wants_protobuf(headers) {
        app.openapi.get(&table, "v2.pb", v2::PROTOBUF, || Some(v2::protobuf(&v2::document(&table))))
    } else {
        app.openapi.get(&table, "v2", JSON, || serde_json::to_vec(&v2::document(&table)).ok())
    };
    answer(headers, document)
}

/// The index of v3: each path with the hash of its document, so that clients may keep them.
async fn serve_index(State(app): State<Arc<App>>, request: Request) -> Response {
    let table = app.kinds.current();
    let mut paths = serde_json::Map::new();
    for path in v3::paths(&table) {
        if let Some(document) = group_version(&app, &table, &path) {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash);
            paths.insert(path, serde_json::json!({"serverRelativeURL": url}));
        }
    }
    let index = serde_json::json!({"paths": paths}).to_string();
    answer(request.headers(), compress(index.as_bytes(), JSON))
}

async fn serve_v3(
    State(app): State<Arc<App>>,
    axum::extract::Path(path): axum::extract::Path<String>,
    request: Request,
) -> Response {
    let table = app.kinds.current();
    answer(request.headers(), group_version(&app, &table, &path))
}

fn group_version(app: &App, table: &Arc<Table>, path: &str) -> Option<Document> {
    app.openapi.get(table, &format!("v3/{path}"), JSON, || serde_json::to_vec(&v3::document(table, path)?).ok())
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
