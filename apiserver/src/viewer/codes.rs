//! One-time codes: how `kctl ui` opens the page signed in, without the token in any address, log or history of a browser.
//!
//! `POST /timonier/v1/viewer/codes` with a bearer token answers a code; `POST /timonier/v1/viewer/token` with that code
//! answers the token, once, within [`LIFE`]. Codes are known to the server that gave them out, and to no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use rand::Rng;
use serde_json::json;
use timonier_api::status::Status;

use crate::accept::Encoding;
use crate::app::App;
use crate::auth::PeerIdentity;
use crate::{body, respond};

/// Where a signed-in client asks for a code.
pub const CODES_PATH: &str = "/timonier/v1/viewer/codes";
/// Where the page exchanges it.
pub const EXCHANGE_PATH: &str = "/timonier/v1/viewer/token";

const LIFE: Duration = Duration::from_secs(60);
/// Codes that nobody has used yet; beyond that the oldest go.
const KEPT: usize = 256;
const LONGEST_BODY: usize = 4096;

/// Codes and the tokens that they stand for.
#[derive(Default)]
pub struct Codes(Mutex<HashMap<String, Pending>>);

struct Pending {
    token: String,
    made: Instant,
}

impl Codes {
    fn make(&self, token: String, now: Instant) -> String {
        let random: [u8; 32] = rand::rng().random();
        let code = URL_SAFE_NO_PAD.encode(random);
        let mut codes = self.0.lock();
        codes.retain(|_, pending| now.duration_since(pending.made) < LIFE);
        if codes.len() >= KEPT {
            let oldest = codes.iter().min_by_key(|(_, pending)| pending.made).map(|(code, _)| code.clone());
            oldest.map(|code| codes.remove(&code));
        }
        codes.insert(code.clone(), Pending { token, made: now });
        code
    }

    /// The code is gone with this, whether or not it was still good.
    fn take(&self, code: &str, now: Instant) -> Option<String> {
        let pending = self.0.lock().remove(code)?;
        (now.duration_since(pending.made) < LIFE).then_some(pending.token)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let codes = Codes::default();
        let start = Instant::now();
        let code = codes.make("t".into(), start);
        assert_eq!(codes.take("other", start), None);
        assert_eq!(codes.take(&code, start).as_deref(), Some("t"));
        assert_eq!(codes.take(&code, start), None, "used");
        let late = codes.make("t".into(), start);
        assert_eq!(codes.take(&late, start + LIFE), None, "too old");
    }

    #[test]
    fn codes_that_nobody_uses_do_not_pile_up() {
        let codes = Codes::default();
        let start = Instant::now();
        let first = codes.make("t".into(), start);
        for n in 0..KEPT {
            codes.make("t".into(), start + Duration::from_millis(n as u64 + 1));
        }
        assert_eq!(codes.0.lock().len(), KEPT);
        assert_eq!(codes.take(&first, start), None);
    }
}
