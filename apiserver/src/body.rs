//! Request bodies: JSON, YAML or protobuf, not too large, decoded once, with every duplicate key noted.

mod json;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use timonier_api::protobuf::envelope::{self, ObjectError};
use timonier_api::status::Status;
use timonier_api::yaml::YamlError;

pub use json::parse as parse_json;

const ACCEPTED: [&str; 3] = ["application/json", "application/yaml", envelope::MEDIA_TYPE];

/// A decoded body.
#[derive(Debug)]
pub struct Decoded {
    pub value: Value,
    /// What was given more than once, in Kubernetes' words: `duplicate field "spec.containers[0].image"`.
    pub duplicates: Vec<String>,
}

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(60);

/// The whole body, of at most `limit` bytes; 413 when it is too large, 504 when it does not come.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Status> {
    let whole = tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect());
    let Ok(whole) = whole.await else {
        return Err(Status::timeout("the body of the request did not come in time", 0));
    };
    match whole {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Status::request_entity_too_large(format!("limit is {limit}")))
        }
        Err(error) if is_length_limit(&*error) => Err(Status::request_entity_too_large(format!("limit is {limit}"))),
        Err(error) => Err(Status::bad_request(format!("the body could not be read: {error}"))),
    }
}

fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// The media type without its parameters; JSON when none is given.
pub fn media_type(headers: &HeaderMap) -> &str {
    let header = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media_type = header.unwrap_or("").split(';').next().unwrap_or("").trim();
    if media_type.is_empty() { "application/json" } else { media_type }
}

/// Decodes an object by its media type.
pub fn decode(media_type: &str, body: &Bytes) -> Result<Decoded, Status> {
    match media_type {
        "application/json" => json(body),
        "application/yaml" => yaml(body),
        envelope::MEDIA_TYPE => protobuf(body),
        _ => Err(Status::unsupported_media_type(&ACCEPTED)),
    }
}

/// Decodes protobuf, by the kind that it names. Fields that nobody knows are passed over, whatever the client wishes.
fn protobuf(body: &[u8]) -> Result<Decoded, Status> {
    match envelope::decode(body) {
        Ok(value) => Ok(Decoded { value, duplicates: vec![] }),
        // A custom resource: its clients speak JSON.
        Err(error @ ObjectError::UnknownKind { .. }) => Err(Status::bad_request(error.to_string())),
        Err(error) => Err(Status::bad_request(format!("the object provided is not valid protobuf: {error}"))),
    }
}

/// Decodes JSON.
pub fn json(body: &Bytes) -> Result<Decoded, Status> {
    let (value, duplicates) = parse_json(body)
        .map_err(|error| Status::bad_request(format!("the object provided is not valid JSON: {error}")))?;
    Ok(Decoded { value, duplicates: told(duplicates) })
}

fn told(paths: Vec<String>) -> Vec<String> {
    paths.into_iter().map(|path| format!("duplicate field {path:?}")).collect()
}

/// Decodes one YAML document (JSON is YAML too, and is read as JSON).
pub fn yaml(body: &Bytes) -> Result<Decoded, Status> {
    if body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
        && let Ok((value, duplicates)) = parse_json(body)
    {
        return Ok(Decoded { value, duplicates: told(duplicates) });
    }
    let text = std::str::from_utf8(body).map_err(|_| Status::bad_request("the body is not UTF-8"))?;
    let (mut documents, twice) = timonier_api::yaml::parse_forgiving(text, "body")
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
    match (documents.pop(), documents.len()) {
        (Some(value), 0) => Ok(Decoded { value, duplicates: twice.iter().map(set_twice).collect() }),
        (None, _) => Err(Status::bad_request("the body is empty")),
        (Some(_), more) => {
            Err(Status::bad_request(format!("the body holds {} YAML documents, one is expected", more + 1)))
        }
    }
}

/// A key of a mapping that came twice, as Kubernetes' YAML reader says it.
fn set_twice(error: &YamlError) -> String {
    let key = error.message.rsplit(": ").next().unwrap_or(&error.message);
    format!("yaml: unmarshal errors: line {}: key {key:?} already set in map", error.line)
}
