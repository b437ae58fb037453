//! Which ValidatingAdmissionPolicies run for a write, and what follows.
//!
//! A policy says what is checked, its bindings where, with which parameters, and whether it is denied or warned of.

mod request;

use std::sync::Arc;

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::{Cause, Status};
use timonier_store::{Entry, Snapshot};

use super::call::Call;
use crate::admission::matching::{Subject, matches};
use crate::admission::policies::judge::{self, Broken, Case};
use crate::admission::policies::{BINDINGS, POLICIES, labels};
use crate::kinds::{Table, json as of, metadata};
use crate::object::Object;

const GROUP: &str = "admissionregistration.k8s.io";

/// A write, just before it is committed, in storage form.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    pub subresource: &'static str,
    pub old: Option<&'a Value>,
    /// `None` for a deletion.
    pub new: Option<&'a Value>,
}

/// Whether any policy may be about anything.
pub fn any(snapshot: &Snapshot) -> bool {
    snapshot.range(BINDINGS, None).next().is_some()
}

/// Refuses what a policy denies, and warns of what one warns of.
pub fn check(call: &mut Call, change: Change<'_>) -> Result<(), Status> {
    let snapshot = call.app.store.snapshot();
    let bindings: Vec<&Arc<Entry>> = snapshot.range(BINDINGS, None).collect();
    // Policies are not about policies, so that a mistake in one can be put right; nor about what the server itself does.
    if bindings.is_empty() || call.row.kind.group == GROUP || call.info.path.is_empty() {
        return Ok(());
    }
    call.app.policies.retain(&snapshot);
    let table = call.app.kinds.current();
    let name = change.new.or(change.old).map_or("", metadata::name).to_owned();
    let namespace = namespace(call, &snapshot, change, &name)?;
    let subject = subject(call, &table, change, &name, namespace.as_ref());
    let mut case: Option<Case> = None;
    let mut warnings = vec![];
    for entry in bindings {
        let binding = Object::of(entry)?.stored_value()?;
        let spec = of::get(&binding, "spec");
        let Some(policy) = snapshot.get(&format!("{POLICIES}{}", of::text(spec, "policyName"))) else { continue };
        let policy = call.app.policies.get(policy)?;
        if !matches(of::get(&policy.spec, "matchConstraints"), &subject)
            || !matches(of::get(spec, "matchResources"), &subject)
        {
            continue;
        }
        let case = case.get_or_insert_with(|| {
            let request = request::request(call, change, subject.operation, &name);
            let (new, old) = (request::served(call, change.new), request::served(call, change.old));
            Case::new(&new, &old, &request, namespace.as_ref().unwrap_or(&Value::Null))
        });
        let parameters = judge::parameters(&table, &snapshot, &policy.spec, spec, call.namespace());
        for Broken { message, reason } in case.judge(&policy.programs, &policy.spec, parameters) {
            let (policy, binding) = (&policy.name, metadata::name(&binding));
            for action in of::list(spec, "validationActions") {
                match action.as_str() {
                    Some("Deny") => return Err(denied(call, &name, policy, binding, &message, &reason)),
                    Some("Warn") => warnings.push(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}': {message}"
                    )),
                    _ => {}
                }
            }
        }
    }
    drop(subject);
    call.warnings.extend(warnings);
    Ok(())
}

fn denied(call: &Call, name: &str, policy: &str, binding: &str, message: &str, reason: &str) -> Status {
    let detail = format!("ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {message}");
    let resource = GroupResource::new(&*call.row.kind.group, &*call.row.kind.plural);
    let mut status = Status::forbidden(&resource, name, detail);
    (status.code, status.reason) = match reason {
        "Forbidden" => (403, "Forbidden".into()),
        "Unauthorized" => (401, "Unauthorized".into()),
        "RequestEntityTooLarge" => (413, "RequestEntityTooLarge".into()),
        _ => (422, "Invalid".into()),
    };
    status.with_cause(Cause { message: message.to_owned(), ..Cause::default() })
}

/// The namespace that the object is in; a Namespace is its own.
fn namespace(call: &Call, snapshot: &Snapshot, change: Change<'_>, name: &str) -> Result<Option<Value>, Status> {
    if call.row.kind.group.is_empty() && call.row.kind.plural == "namespaces" {
        if change.old.is_none() {
            return Ok(change.new.cloned());
        }
        return snapshot.get(&format!("namespaces/{name}")).map(|entry| Object::of(entry)?.stored_value()).transpose();
    }
    match call.namespace() {
        "" => Ok(None),
        namespace => {
            let entry = snapshot.get(&format!("namespaces/{namespace}"));
            entry.map(|entry| Object::of(entry)?.stored_value()).transpose()
        }
    }
}

fn subject<'a>(
    call: &'a Call,
    table: &'a Table,
    change: Change<'_>,
    name: &'a str,
    namespace: Option<&Value>,
) -> Subject<'a> {
    let kind = &call.row.kind;
    let mut resources = vec![(&*kind.group, &*kind.version, &*kind.plural)];
    if call.row.hooks.custom().is_some() {
        let others = table.rows().iter().map(|row| &row.kind);
        let others = others.filter(|other| other.group == kind.group && other.plural == kind.plural);
        resources.extend(others.filter(|o| o.version != kind.version).map(|o| (&*o.group, &*o.version, &*o.plural)));
    }
    Subject {
        operation: match (change.old, change.new) {
            (None, _) => "CREATE",
            (_, None) => "DELETE",
            _ => "UPDATE",
        },
        resources,
        subresource: change.subresource,
        name,
        namespaced: kind.namespaced,
        namespace_labels: namespace.map(labels),
        object_labels: change.new.iter().chain(&change.old).map(|object| labels(object)).collect(),
    }
}
