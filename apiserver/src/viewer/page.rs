//! Serving the page: compressed as it was built, revalidated by tag, and held to a policy that loads nothing from elsewhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use serde_json::json;

use super::assets::{self, File};
use crate::accept::Encoding;
use crate::identity::Identity;
use crate::{compress, respond};

/// Scripts, styles and data come from this server alone; nothing may frame the page or change where it points.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const SECURITY: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
const FOREVER: &str = "public, max-age=31536000, immutable";

pub async fn redirect() -> Response {
    let mut response = respond::text(StatusCode::PERMANENT_REDIRECT, "/ui/\n");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/ui/"));
    response
}

pub async fn index(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

/// Who looks at the page; null for nobody. A refusal, as a review of oneself gives, would be an error in the browser's log.
pub async fn who(request: Request) -> Response {
    let identity = request.extensions().get::<Arc<Identity>>().filter(|identity| !identity.is_anonymous());
    respond::value(StatusCode::OK, Encoding::Json, &json!({"user": identity.map(|identity| identity.user.as_str())}))
}

fn answer(name: &str, asked: &HeaderMap) -> Response {
    let mut response = match assets::find(name) {
        Some((file, tag)) => present(file, tag, asked),
        None => respond::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    };
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn present(file: &File, tag: &'static str, asked: &HeaderMap) -> Response {
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let known = known.flat_map(|value| value.split(',')).any(|value| {
        let value = value.trim();
        value == "*" || value.strip_prefix("W/").unwrap_or(value) == tag
    });
    let (encoding, bytes) = choose(file, asked);
    let mut response = match known {
        true => respond::typed(StatusCode::NOT_MODIFIED, file.content_type(), Body::empty()),
        false => respond::typed(StatusCode::OK, file.content_type(), Body::from(bytes)),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_static(tag));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = encoding.filter(|_| !known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    // The entry page is asked for anew each time; what it names does not change.
    let cache = if file.is_immutable() { FOREVER } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// The smallest form that the client takes.
fn choose(file: &File, asked: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    if let Some(bytes) = file.brotli.filter(|_| compress::accepts(asked, "br")) {
        return (Some("br"), bytes);
    }
    match file.gzip.filter(|_| compress::accepts(asked, "gzip")) {
        Some(bytes) => (Some("gzip"), bytes),
        None => (None, file.plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SAMPLE: File = File { name: "assets/a.js", plain: b"plain", brotli: Some(b"br"), gzip: Some(b"gz") };

    fn ask(header: HeaderName, value: &'static str) -> Response {
        present(&SAMPLE, "\"tag\"", &HeaderMap::from_iter([(header, HeaderValue::from_static(value))]))
    }

    #[test]
    fn a_file_goes_out_in_the_smallest_form_that_is_taken() {
        for (accepted, expected) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("identity", None),
        ] {
            let response = ask(header::ACCEPT_ENCODING, accepted);
            let encoding = response.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
            assert_eq!(encoding, expected.map(str::as_bytes), "{accepted}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], FOREVER);
        }
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        for (tags, code) in [("\"tag\"", 304), ("\"x\", W/\"tag\"", 304), ("*", 304), ("\"x\"", 200)] {
            assert_eq!(ask(header::IF_NONE_MATCH, tags).status(), code, "{tags}");
        }
    }

    #[test]
    fn there_is_always_a_page() {
        let response = answer("index.html", &HeaderMap::new());
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(answer("../Cargo.toml", &HeaderMap::new()).status(), 404);
    }
}
