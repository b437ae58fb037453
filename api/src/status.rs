//! [`Status`]: how every failure, and some successes, are told to a client.
//!
//! Reasons, codes and wording are those of Kubernetes' API conventions, since its clients branch on them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, quote};
use crate::kind::{GroupKind, GroupResource};

/// The answer `kind: Status`, `apiVersion: v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    #[serde(default = "kind")]
    pub kind: String,
    #[serde(default = "api_version")]
    pub api_version: String,
    #[serde(default)]
    pub metadata: ListMeta,
    /// `Success` or `Failure`.
    #[serde(default)]
    pub status: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Machine-readable: `NotFound`, `Conflict`, …; empty on success.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The HTTP status code.
    #[serde(default)]
    pub code: u16,
}

/// Metadata of a `Status`: only an expired continue token offers a fresh one here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMeta {
    #[serde(default, rename = "continue", skip_serializing_if = "String::is_empty")]
    pub continue_: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
}

/// What the failure is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The resource (`pods`) or, for `Invalid`, the kind (`Pod`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// How long a client should wait before it tries again; 0 says nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// One of several reasons for a failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

fn kind() -> String {
    "Status".to_owned()
}

fn api_version() -> String {
    "v1".to_owned()
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() { f.write_str(&self.reason) } else { f.write_str(&self.message) }
    }
}

impl std::error::Error for Status {}

impl Status {
    /// A failure without details.
    pub fn failure(code: u16, reason: &str, message: impl Into<String>) -> Status {
        Status {
            kind: kind(),
            api_version: api_version(),
            metadata: ListMeta::default(),
            status: "Failure".to_owned(),
            message: message.into(),
            reason: reason.to_owned(),
            details: None,
            code,
        }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Status {
        let details = self.details.get_or_insert_default();
        details.group = group.to_owned();
        details.kind = kind.to_owned();
        details.name = name.to_owned();
        self
    }

    fn about_resource(self, resource: &GroupResource, name: &str) -> Status {
        self.about(&resource.group, &resource.resource, name)
    }

    /// The same failure with a hint when to try again (seconds).
    pub fn retry_after(mut self, seconds: u32) -> Status {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// The same failure with one more cause.
    pub fn with_cause(mut self, cause: Cause) -> Status {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// What a delete answers when nothing is left of the object.
    pub fn success(resource: &GroupResource, name: &str, uid: &str) -> Status {
        let mut status = Status { status: "Success".to_owned(), ..Status::failure(200, "", "") };
        if !name.is_empty() || !resource.resource.is_empty() {
            status = status.about_resource(resource, name);
            status.details.get_or_insert_default().uid = uid.to_owned();
        }
        status
    }

    pub fn is_success(&self) -> bool {
        self.status == "Success"
    }

    pub fn not_found(resource: &GroupResource, name: &str) -> Status {
        let message = format!("{resource} {} not found", quote(name));
        Status::failure(404, "NotFound", message).about_resource(resource, name)
    }

    /// A path or resource that this server does not serve.
    pub fn no_such_path() -> Status {
        let mut status = Status::failure(404, "NotFound", "the server could not find the requested resource");
        status.details = Some(Details::default());
        status
    }

    pub fn already_exists(resource: &GroupResource, name: &str) -> Status {
        let message = format!("{resource} {} already exists", quote(name));
        Status::failure(409, "AlreadyExists", message).about_resource(resource, name)
    }

    /// A generated name that was taken, several times in a row; the client may try again.
    pub fn generated_name_conflict(resource: &GroupResource, name: &str) -> Status {
        let message = format!(
            "{resource} {} already exists, the server was not able to generate a unique name for the object",
            quote(name)
        );
        Status::failure(409, "AlreadyExists", message).about_resource(resource, name).retry_after(1)
    }

    pub fn conflict(resource: &GroupResource, name: &str, detail: impl fmt::Display) -> Status {
        let message = format!("Operation cannot be fulfilled on {resource} {}: {detail}", quote(name));
        Status::failure(409, "Conflict", message).about_resource(resource, name)
    }

    /// A conflict of server-side apply: every cause names a field and its manager.
    pub fn apply_conflict(message: impl Into<String>, causes: Vec<Cause>) -> Status {
        let mut status = Status::failure(409, "Conflict", message);
        status.details = Some(Details { causes, ..Details::default() });
        status
    }

    /// An object whose fields are at fault; one cause for each error.
    pub fn invalid(kind: &GroupKind, name: &str, errors: Vec<FieldError>) -> Status {
        let mut message = format!("{kind} {} is invalid", quote(name));
        let mut words: Vec<String> = vec![];
        let mut causes = Vec::with_capacity(errors.len());
        for error in &errors {
            let text = error.to_string();
            if !words.contains(&text) {
                words.push(text);
            }
            causes.push(Cause {
                reason: error.kind.reason().to_owned(),
                message: error.body(),
                field: error.field.clone(),
            });
        }
        match words.as_slice() {
            [] => {}
            [only] => message.push_str(&format!(": {only}")),
            several => message.push_str(&format!(": [{}]", several.join(", "))),
        }
        let mut status = Status::failure(422, "Invalid", message).about(&kind.group, &kind.kind, name);
        status.details.get_or_insert_default().causes = causes;
        status
    }

    /// `name` and even the resource may be empty.
    pub fn forbidden(resource: &GroupResource, name: &str, detail: impl fmt::Display) -> Status {
        let message = if resource.resource.is_empty() {
            format!("forbidden: {detail}")
        } else if name.is_empty() {
            format!("{resource} is forbidden: {detail}")
        } else {
            format!("{resource} {} is forbidden: {detail}", quote(name))
        };
        Status::failure(403, "Forbidden", message).about_resource(resource, name)
    }

    pub fn bad_request(message: impl Into<String>) -> Status {
        Status::failure(400, "BadRequest", message)
    }

    pub fn unauthorized() -> Status {
        Status::failure(401, "Unauthorized", "Unauthorized")
    }

    /// `action` is a verb: `create`, `delete`.
    pub fn method_not_supported(resource: &GroupResource, action: &str) -> Status {
        let message = format!("{action} is not supported on resources of kind {:?}", resource.to_string());
        Status::failure(405, "MethodNotAllowed", message).about_resource(resource, "")
    }

    /// No media type that the client accepts can be made.
    pub fn not_acceptable(offered: &[&str]) -> Status {
        let message = format!("only the following media types are accepted: {}", offered.join(", "));
        Status::failure(406, "NotAcceptable", message)
    }

    pub fn unsupported_media_type(accepted: &[&str]) -> Status {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Status::failure(415, "UnsupportedMediaType", message)
    }

    pub fn request_entity_too_large(detail: impl fmt::Display) -> Status {
        let message = format!("Request entity is too large: {detail}");
        Status::failure(413, "RequestEntityTooLarge", message)
    }

    /// History that is no longer kept: the client must list again.
    pub fn expired(message: impl Into<String>) -> Status {
        Status::failure(410, "Expired", message)
    }

    pub fn gone(message: impl Into<String>) -> Status {
        Status::failure(410, "Gone", message)
    }

    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Status {
        Status::failure(429, "TooManyRequests", message).retry_after(retry_after_seconds)
    }

    /// The request's own deadline passed before it was done.
    pub fn timeout(message: impl fmt::Display, retry_after_seconds: u32) -> Status {
        Status::failure(504, "Timeout", format!("Timeout: {message}")).retry_after(retry_after_seconds)
    }

    /// The server could not do it now (or does not know whether it did); trying again is safe.
    pub fn server_timeout(resource: &GroupResource, operation: &str, retry_after_seconds: u32) -> Status {
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        Status::failure(500, "ServerTimeout", message)
            .about(&resource.group, &resource.resource, operation)
            .retry_after(retry_after_seconds)
    }

    pub fn internal(error: impl fmt::Display) -> Status {
        let error = error.to_string();
        Status::failure(500, "InternalError", format!("Internal error occurred: {error}"))
            .with_cause(Cause { message: error, ..Cause::default() })
    }

    pub fn service_unavailable(message: impl Into<String>) -> Status {
        Status::failure(503, "ServiceUnavailable", message)
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
