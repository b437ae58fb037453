//! Reviews: the object of a create comes back with its answer, and nothing is written.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::status::Status;

use super::call::Call;
use super::decode;
use crate::auth::{self, Attributes, Authorizer, rules};
use crate::identity::Identity;
use crate::kinds::Review;
use crate::object::meta;
use crate::respond;

pub async fn answer(call: &mut Call, review: Review, body: Body) -> Result<Response, Status> {
    let decoded = decode::body(call, body).await?;
    let mut object = decode::object(call, decoded)?;
    let errors = faults(review, &object);
    if !errors.is_empty() {
        return Err(Status::invalid(&call.row.kind.group_kind(), "", errors));
    }
    let spec = &object["spec"];
    let status = match review {
        Review::SelfAccess => access(&call.app.authorizer, &call.identity, spec),
        Review::Access | Review::LocalAccess => access(&call.app.authorizer, &subject(spec), spec),
        Review::SelfRules => {
            let namespace = spec["namespace"].as_str().unwrap_or("");
            if namespace.is_empty() {
                return Err(Status::bad_request("no namespace on request"));
            }
            rules::of(&call.app.authorizer, &call.identity, namespace, &call.app.kinds.current())
        }
        Review::SelfSubject => json!({"userInfo": user_info(&call.identity)}),
        Review::Token => token(call, spec).await,
    };
    object["status"] = status;
    Ok(respond::value(StatusCode::CREATED, call.accept.encoding, &object))
}

/// What is wrong with the question.
fn faults(review: Review, object: &Value) -> Vec<FieldError> {
    let path = Path::new("spec");
    let spec = &object["spec"];
    match review {
        Review::Token if spec["token"].as_str().unwrap_or("").is_empty() => {
            vec![FieldError::required(&path.child("token"), "token is required for TokenReview in authentication")]
        }
        Review::Token | Review::SelfRules | Review::SelfSubject => vec![],
        Review::SelfAccess => attribute_faults(&path, spec),
        Review::Access | Review::LocalAccess => {
            let mut errors = attribute_faults(&path, spec);
            let groups = spec["groups"].as_array().is_some_and(|groups| !groups.is_empty());
            if !groups && spec["user"].as_str().unwrap_or("").is_empty() {
                let detail = "at least one of user or group must be specified";
                errors.push(FieldError::invalid(&path.child("user"), "", detail));
            }
            if review == Review::LocalAccess {
                errors.extend(local_faults(&path, object));
            }
            errors
        }
    }
}

fn attribute_faults(path: &Path, spec: &Value) -> Vec<FieldError> {
    match (spec["resourceAttributes"].is_object(), spec["nonResourceAttributes"].is_object()) {
        (true, true) => vec![FieldError::invalid(
            &path.child("nonResourceAttributes"),
            spec["nonResourceAttributes"].clone(),
            "cannot be specified in combination with resourceAttributes",
        )],
        (false, false) => vec![FieldError::invalid(
            &path.child("resourceAttributes"),
            Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )],
        _ => vec![],
    }
}

fn local_faults(path: &Path, object: &Value) -> Vec<FieldError> {
    let mut errors = vec![];
    let spec = &object["spec"];
    let namespace = spec["resourceAttributes"]["namespace"].as_str().unwrap_or("");
    if namespace != meta::text(object, "namespace") {
        let path = path.child("resourceAttributes").child("namespace");
        errors.push(FieldError::invalid(&path, namespace, "must match metadata.namespace"));
    }
    if spec["nonResourceAttributes"].is_object() {
        let value = spec["nonResourceAttributes"].clone();
        let path = path.child("nonResourceAttributes");
        errors.push(FieldError::invalid(&path, value, "disallowed on this kind of request"));
    }
    errors
}

/// Whether what `spec` describes is allowed, and why.
fn access(authorizer: &Authorizer, identity: &Identity, spec: &Value) -> Value {
    let resource = &spec["resourceAttributes"];
    let other = &spec["nonResourceAttributes"];
    let asked = if resource.is_object() {
        let text = |field: &str| resource[field].as_str().unwrap_or("");
        Attributes {
            verb: text("verb"),
            path: "",
            is_resource: true,
            group: text("group"),
            namespace: text("namespace"),
            resource: text("resource"),
            subresource: text("subresource"),
            name: text("name"),
        }
    } else {
        let text = |field: &str| other[field].as_str().unwrap_or("");
        Attributes { verb: text("verb"), path: text("path"), ..Attributes::default() }
    };
    let decision = authorizer.decide(identity, &asked);
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    status
}

/// Whom a review asks about.
fn subject(spec: &Value) -> Identity {
    let extra = spec["extra"].as_object().into_iter().flatten();
    Identity {
        user: spec["user"].as_str().unwrap_or("").to_string(),
        uid: spec["uid"].as_str().unwrap_or("").to_string(),
        groups: strings(&spec["groups"]),
        extra: extra.map(|(key, values)| (key.clone(), strings(values))).collect(),
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_string)).collect()
}

fn user_info(identity: &Identity) -> Value {
    let mut info = json!({"username": identity.user, "groups": identity.groups});
    if !identity.uid.is_empty() {
        info["uid"] = identity.uid.clone().into();
    }
    if !identity.extra.is_empty() {
        info["extra"] = json!(identity.extra);
    }
    info
}

/// Who has a token; whoever asks learns nothing of one that is not valid.
async fn token(call: &Call, spec: &Value) -> Value {
    let token = spec["token"].as_str().unwrap_or("");
    match auth::authenticate_token(&call.app, token, &strings(&spec["audiences"])).await {
        Some((identity, audiences)) => {
            json!({"authenticated": true, "user": user_info(&identity), "audiences": audiences})
        }
        None => json!({"user": {}, "error": "[invalid bearer token]"}),
    }
}
