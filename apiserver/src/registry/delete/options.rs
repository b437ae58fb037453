//! `DeleteOptions`: in the body, or in the query.

use axum::body::Body;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::kind::{GroupKind, GroupResource};
use timonier_api::status::Status;
use timonier_store::Revision;

use crate::body;
use crate::object::meta;
use crate::registry::{Call, options};

/// What happens to the objects that the deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Seconds.
    pub grace_period: Option<i64>,
    pub propagation: Option<Propagation>,
    pub uid: Option<String>,
    pub revision: Option<String>,
}

impl DeleteOptions {
    pub async fn read(call: &mut Call, body: Body) -> Result<DeleteOptions, Status> {
        let bytes = body::read(body, call.app.limits.max_request_bytes).await?;
        let given =
            if bytes.is_empty() { Value::Null } else { body::decode(body::media_type(&call.headers), &bytes)?.value };
        DeleteOptions::of(call, &given)
    }

    /// Options that were read already, completed by the query.
    pub fn of(call: &mut Call, given: &Value) -> Result<DeleteOptions, Status> {
        let dry_run: Vec<&str> = given["dryRun"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(first) = dry_run.first() {
            call.query.set("dryRun", first);
        }
        options::invalid("DeleteOptions", options::dry_run_of(dry_run))?;
        let text = |value: &Value| value.as_str().filter(|s| !s.is_empty()).map(str::to_string);
        let propagation = text(&given["propagationPolicy"]).or(call.query.get("propagationPolicy").map(str::to_string));
        let orphan = given["orphanDependents"].as_bool().or(call.query.flag("orphanDependents"));
        let policy = Path::new("propagationPolicy");
        let propagation = match (propagation.as_deref(), orphan) {
            (Some(given), Some(_)) => {
                let detail = "orphanDependents and deletionPropagation cannot be both set";
                return Err(refused(FieldError::invalid(&policy, given, detail)));
            }
            (None, None) => None,
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (Some(other), _) => {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                return Err(refused(FieldError::not_supported(&policy, other, &known)));
            }
        };
        let grace_period = match given["gracePeriodSeconds"].as_i64() {
            Some(seconds) => Some(seconds),
            None => call.query.integer("gracePeriodSeconds")?,
        };
        if grace_period.is_some_and(|seconds| seconds < 0) {
            return Err(Status::bad_request("gracePeriodSeconds: must not be negative"));
        }
        Ok(DeleteOptions {
            grace_period,
            propagation,
            uid: text(&given["preconditions"]["uid"]),
            revision: text(&given["preconditions"]["resourceVersion"]),
        })
    }

    /// 409 when the object is not the one that was meant.
    pub fn check(&self, resource: &GroupResource, name: &str, object: &Value, at: Revision) -> Result<(), Status> {
        let uid = meta::text(object, "uid");
        if let Some(expected) = self.uid.as_deref().filter(|expected| *expected != uid) {
            let detail = format!("Precondition failed: UID in precondition: {expected}, UID in object meta: {uid}");
            return Err(Status::conflict(resource, name, detail));
        }
        let revision = at.to_string();
        if let Some(expected) = self.revision.as_deref().filter(|expected| *expected != revision) {
            let detail = format!(
                "the ResourceVersion in the precondition ({expected}) does not match the ResourceVersion in record \
                 ({revision}). The object might have been modified"
            );
            return Err(Status::conflict(resource, name, detail));
        }
        Ok(())
    }
}

fn refused(error: FieldError) -> Status {
    Status::invalid(&GroupKind::new("meta.k8s.io", "DeleteOptions"), "", vec![error])
}
