//! Making responses: JSON, YAML or protobuf bodies, `Status` objects, warnings.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use timonier_api::protobuf::{Message, envelope};
use timonier_api::status::Status;

use crate::accept::Encoding;

/// A body that is JSON already, in the encoding that was asked for.
pub fn bytes(code: StatusCode, encoding: Encoding, json: Bytes) -> Response {
    match encoding {
        Encoding::Json => typed(code, encoding.content_type(), Body::from(json)),
        Encoding::Yaml => match serde_json::from_slice(&json) {
            Ok(parsed) => value(code, encoding, &parsed),
            Err(error) => status(Status::internal(error)),
        },
        Encoding::Protobuf => match protobuf(&json) {
            Ok(body) => typed(code, encoding.content_type(), Body::from(body)),
            Err(error) => status(error),
        },
    }
}

/// A JSON object of a kind that has protobuf, as that.
pub fn protobuf(json: &[u8]) -> Result<Vec<u8>, Status> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct TypeMeta {
        // Discovery's oldest document has none.
        #[serde(default)]
        api_version: String,
        kind: String,
    }
    let TypeMeta { api_version, kind } = serde_json::from_slice(json).map_err(Status::internal)?;
    let message = Message::of_kind(&api_version, &kind)
        .ok_or_else(|| Status::internal(format!("{kind} of {api_version} has no protobuf")))?;
    let raw = message.encode(json).map_err(Status::internal)?;
    Ok(envelope::wrap(&api_version, &kind, &raw))
}

/// A decoded value, encoded.
pub fn value(code: StatusCode, encoding: Encoding, value: &Value) -> Response {
    let body = match encoding {
        Encoding::Json => Body::from(value.to_string()),
        Encoding::Yaml => Body::from(timonier_api::yaml::to_string(value)),
        Encoding::Protobuf => return bytes(code, encoding, value.to_string().into()),
    };
    typed(code, encoding.content_type(), body)
}

pub fn typed(code: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

pub fn text(code: StatusCode, body: impl Into<Body>) -> Response {
    typed(code, "text/plain; charset=utf-8", body.into())
}

/// A `Status` with the HTTP code that it names, as JSON: for clients that could not say yet what they like.
pub fn status(status: Status) -> Response {
    status_as(Encoding::Json, status)
}

/// The same in the encoding that was asked for.
pub fn status_as(encoding: Encoding, status: Status) -> Response {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&status).unwrap_or_default();
    let mut response = bytes(code, encoding, body.into());
    if let Some(details) = &status.details
        && details.retry_after_seconds > 0
    {
        let seconds = HeaderValue::from(details.retry_after_seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Adds `Warning: 299 - "…"` headers (RFC 7234, as Kubernetes uses it), each text once.
pub fn warn(response: &mut Response, warnings: &[String]) {
    for (position, text) in warnings.iter().enumerate() {
        if warnings[..position].contains(text) {
            continue;
        }
        let mut quoted = String::with_capacity(text.len() + 2);
        for c in text.chars().filter(|c| !c.is_control()) {
            if matches!(c, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        if let Ok(header) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, header);
        }
    }
}
