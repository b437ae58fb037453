//! How `kctl ui` opens the page signed in, without the token in any address, log or history of a browser.
//!
//! `POST /timonier/v1/viewer/codes` with a bearer token answers a code; `POST /timonier/v1/viewer/token` with that code
//! answers the token, once, within [`LIFE`].

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use timonier_api::status::Status;

use super::codes::LIFE;
use crate::accept::Encoding;
use crate::app::App;
use crate::auth::PeerIdentity;
use crate::{body, respond};

/// Where a signed-in client asks for a code.
pub const CODES_PATH: &str = "/timonier/v1/viewer/codes";
/// Where the page exchanges it.
pub const EXCHANGE_PATH: &str = "/timonier/v1/viewer/token";

const LONGEST_BODY: usize = 4096;

pub async fn create(State(app): State<Arc<App>>, request: Request) -> Response {
    let by_token = request.extensions().get::<PeerIdentity>().is_none();
    match bearer(request.headers()).filter(|_| by_token) {
        Some(token) => {
            let code = app.viewer_codes.make(token.to_string(), Instant::now());
            secret(json!({"code": code, "expirationSeconds": LIFE.as_secs()}))
        }
        None => respond::status(Status::bad_request(
            "a code stands for a bearer token, and this request came without one; a browser shows a client certificate itself",
        )),
    }
}

pub async fn exchange(State(app): State<Arc<App>>, request: Request) -> Response {
    // A page of another origin cannot send JSON here without being asked first, which nobody answers.
    if body::media_type(request.headers()) != "application/json" {
        return respond::status(Status::bad_request("the body must be application/json"));
    }
    let bytes = match body::read(request.into_body(), LONGEST_BODY).await {
        Ok(bytes) => bytes,
        Err(status) => return respond::status(status),
    };
    let asked: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let Some(code) = asked["code"].as_str() else {
        return respond::status(Status::bad_request("code: Required value"));
    };
    match app.viewer_codes.take(code, Instant::now()) {
        Some(token) => secret(json!({"token": token})),
        None => respond::status(Status::unauthorized()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// An answer that nobody keeps.
fn secret(value: serde_json::Value) -> Response {
    let mut response = respond::value(StatusCode::OK, Encoding::Json, &value);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
