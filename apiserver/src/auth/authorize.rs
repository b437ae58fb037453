//! Gives a request its seat and then decides whether an identity may do what it asks.
//!
//! Several have a say, and one that allows is enough: the group `system:masters`, what the viewer's page needs, what agents
//! of nodes need, and roles.
//! What depends on the object itself (is this pod bound to that node?) is decided in [`crate::admission`].

use std::sync::Arc;

use http::Extensions;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use super::rbac::{Decision, Rbac};
use super::{Attributes, node};
use crate::app::App;
use crate::identity::{CONTROLLER_MANAGER, Identity, MASTERS, SCHEDULER};
use crate::limits::{PriorityLevel, Seat};
use crate::request::RequestInfo;
use crate::viewer;

/// The seat of a request that was read and authenticated, if it may be answered.
pub async fn authorize<'a>(app: &'a App, request: &Extensions) -> Result<Seat<'a>, Status> {
    let identity = request.get::<Arc<Identity>>();
    let info = request.get::<RequestInfo>();
    let (Some(identity), Some(info)) = (identity, info) else {
        return Err(Status::internal("the request was not read or authenticated"));
    };
    let seat = app.fairness.seat(PriorityLevel::of(identity, info), &identity.user).await?;
    app.authorizer.check(identity, &Attributes::from(info))?;
    Ok(seat)
}

/// Who decides.
#[derive(Default)]
pub struct Authorizer {
    pub rbac: Rbac,
}

impl Authorizer {
    pub fn may(&self, identity: &Identity, asked: &Attributes<'_>) -> bool {
        self.decide(identity, asked).allowed
    }

    /// The same, with what is said to whom may not.
    pub fn check(&self, identity: &Identity, asked: &Attributes<'_>) -> Result<(), Status> {
        match self.decide(identity, asked) {
            Decision { allowed: true, .. } => Ok(()),
            Decision { reason, .. } => Err(refusal(identity, asked, &reason)),
        }
    }

    pub fn decide(&self, identity: &Identity, asked: &Attributes<'_>) -> Decision {
        if identity.has_group(MASTERS) {
            return Decision::ALLOWED;
        }
        if writes_heartbeat_of_others(identity, asked) {
            return Decision::default();
        }
        if viewer::may(identity, asked) {
            return Decision::ALLOWED;
        }
        if identity.node_name().is_some_and(|node| node::may(node, asked)) {
            return Decision::ALLOWED;
        }
        self.rbac.decide(identity, asked)
    }
}

/// A node's heartbeat is written by its agent alone; others of our own may only delete it.
fn writes_heartbeat_of_others(identity: &Identity, asked: &Attributes<'_>) -> bool {
    matches!(&*identity.user, CONTROLLER_MANAGER | SCHEDULER)
        && asked.resource == "leases"
        && asked.namespace == "kube-node-lease"
        && matches!(asked.verb, "create" | "update" | "patch")
}

/// The 403 that `kubectl` users know. `reason` may be empty.
fn refusal(identity: &Identity, asked: &Attributes<'_>, reason: &str) -> Status {
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    if !asked.is_resource {
        let detail = format!("User {:?} cannot {} path {:?}{reason}", identity.user, asked.verb, asked.path);
        return Status::forbidden(&GroupResource::new("", ""), "", detail);
    }
    let scope = match asked.namespace {
        "" => "at the cluster scope".to_string(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let detail = format!(
        "User {:?} cannot {} resource {:?} in API group {:?} {scope}{reason}",
        identity.user,
        asked.verb,
        asked.full_resource(),
        asked.group
    );
    Status::forbidden(&GroupResource::new(asked.group, asked.resource), asked.name, detail)
}

#[cfg(test)]
#[path = "authorize_tests.rs"]
mod tests;
