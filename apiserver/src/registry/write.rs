//! What all writing shares: completing an object, checking it, committing it.
//!
//! Everything here is in storage form. The order of steps is that of Kubernetes: metadata, defaults, what the kind keeps,
//! namespace, admission, validation, ownership, commit.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::names;
use timonier_api::status::{Cause, Status};
use timonier_merge::apply::{Manager, track};
use timonier_store::{Key, Revision};

use super::call::{Call, schema};
use super::commit::{PutError, Write, put, stage, stored};
use super::delete::plan::is_over;
use super::keys;
use super::part::Part;
use super::policies::{self, Change};
use super::reach::Reach;
use crate::admission::{Attributes, admit, limits};
use crate::auth::rbac::escalation;
use crate::auth::signers;
use crate::completion::complete;
use crate::kinds::{Deep, Row, Subresource};
use crate::object::{Object, meta};

/// How often a generated name is tried again when it is taken.
const NAME_ATTEMPTS: usize = 8;
/// How often a write that asks for no particular revision is done again when another one came first.
const WRITE_ATTEMPTS: usize = 100;

/// Who has noted the owners of an object's fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Nobody yet.
    Untracked,
    /// Server-side apply has.
    Applied,
}

/// Creates an object that was decoded and put in its place; returns it as it was stored.
pub async fn create(call: &mut Call, mut object: Value, ownership: Ownership) -> Result<Arc<Object>, Status> {
    let generate = meta::text(&object, "name").is_empty() && !meta::text(&object, "generateName").is_empty();
    if !matches!(meta::text(&object, "resourceVersion"), "" | "0") {
        return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let snapshot = call.fresh().await?;
    writable_namespace(call, &snapshot)?;
    for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
        meta::remove(&mut object, field);
    }
    meta::set(&mut object, "uid", uuid::Uuid::new_v4().to_string());
    meta::set(&mut object, "creationTimestamp", meta::time(Timestamp::now()));
    let row = call.storage.clone();
    row.hooks.default(&mut object);
    row.hooks.prepare_create(&mut object);
    row.hooks.created_by(&mut object, &call.identity);
    // What is filled in after a look at other objects has no owner, as in Kubernetes; nor has a name, which may be generated.
    if ownership == Ownership::Untracked {
        own(call, Part::Main, None, &mut object)?;
    }
    complete(&row, &mut object, call.namespace(), &snapshot)?;
    call.app.definitions.complete(&row, &mut object);
    if row.generations {
        meta::set(&mut object, "generation", 1);
    }
    let mut last = String::new();
    for _ in 0..NAME_ATTEMPTS {
        let before = std::mem::take(&mut last);
        if generate {
            last = names::generate_name(meta::text(&object, "generateName"));
            meta::set(&mut object, "name", &*last);
        }
        row.hooks.named(&mut object, &before);
        let name = meta::text(&object, "name").to_string();
        let errors = row.check_create(&object);
        if !errors.is_empty() {
            return Err(Status::invalid(&call.row.kind.group_kind(), &name, errors));
        }
        admit(&Attributes { identity: &call.identity, row: &row, old: None, new: Some(&object), grace_period: None })?;
        escalation::check(&call.app.authorizer, &call.identity, &row, None, &object)?;
        limits::check(&row, &object, call.namespace(), &snapshot)?;
        policies::check(call, Change { subresource: "", old: None, new: Some(&object) })?;
        let key = Key::new(keys::object(&call.row, call.namespace(), &name));
        let taken = snapshot.get(&key).is_some();
        if !taken {
            let warnings = row.warnings(&object);
            match commit_new(call, key, &mut object).await {
                Ok(created) => {
                    call.warnings.extend(warnings);
                    return Ok(created);
                }
                Err(PutError::Conflict) => {}
                Err(PutError::Other(status)) => return Err(*status),
            }
        }
        if !generate {
            return Err(Status::already_exists(&call.resource(), &name));
        }
    }
    Err(Status::generated_name_conflict(&call.resource(), &last))
}

/// Commits a new object. What it was decoded to is let go before the wait for the disk, after which the request may be on
/// another thread, and is there again if the name was taken.
async fn commit_new(call: &Call, key: Key, object: &mut Value) -> Result<Arc<Object>, PutError> {
    let write = Write::create(key, object);
    let staged = stage(call, &write)?;
    if staged.is_counted {
        return staged.commit_counted(call, &write).await;
    }
    let kept = staged.value.clone();
    drop(std::mem::take(object));
    let created = staged.commit(call).await;
    if let Err(PutError::Conflict) = created {
        *object = stored(kept, Revision(0))?.working_value()?;
    }
    created
}

/// Writing into a namespace that is missing or ends is refused.
fn writable_namespace(call: &Call, snapshot: &timonier_store::Snapshot) -> Result<(), Status> {
    let namespace = call.namespace();
    if namespace.is_empty() {
        return Ok(());
    }
    let resource = timonier_api::kind::GroupResource::new("", "namespaces");
    let entry =
        snapshot.get(&format!("namespaces/{namespace}")).ok_or_else(|| Status::not_found(&resource, namespace))?;
    let object = Object::of(entry)?;
    if !object.may_have("deletionTimestamp") || !meta::is_deleting(&object.working_value()?) {
        return Ok(());
    }
    let message = format!("unable to create new content in namespace {namespace} because it is being terminated");
    Err(Status::forbidden(&call.resource(), "", &message).with_cause(Cause {
        reason: "NamespaceTerminating".to_string(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_string(),
    }))
}

/// The object that is to be changed.
#[derive(Clone, Copy)]
pub struct Current<'a> {
    pub object: &'a Object,
    /// The same, decoded as far as the write reaches, in storage form, without `resourceVersion`, its owners' fields as text
    /// ([`Object::shallow_value`]).
    pub stored: &'a Value,
}

/// Changes the object called `name`. `change` gets the current object and returns the new one, in storage form; when that
/// names a `resourceVersion`, the write happens at that revision or not at all, else it is done again on what came first.
pub async fn modify(
    call: &mut Call,
    name: &str,
    part: Part,
    reach: Reach,
    ownership: Ownership,
    mut change: impl FnMut(&mut Call, Current<'_>) -> Result<Value, Status>,
) -> Result<Arc<Object>, Status> {
    for _ in 0..WRITE_ATTEMPTS {
        let snapshot = call.fresh().await?;
        let entry = snapshot.get(&call.key(name)).cloned().ok_or_else(|| call.not_found(name))?;
        let deep = reach.leaves(call, &snapshot);
        let current = Object::of(&entry)?;
        let old = current.shallow_value(deep)?;
        let warned = call.warnings.len();
        let mut new = change(call, Current { object: &current, stored: &old })?;
        let pinned = pinned(call, name, &new, &old, entry.revision)?;
        let metadata_alone = reach == Reach::Metadata && deep != Deep::NOTHING;
        prepare(call, part, metadata_alone, ownership, &old, &mut new)?;
        if new == old {
            return Ok(current);
        }
        let result = if is_over(&call.storage, &new) {
            put(call, Write::remove(&entry, &old, &new).leaving(deep)).await
        } else {
            put(call, Write::update(&entry, &old, &new).leaving(deep)).await
        };
        match result {
            Ok(written) => {
                // A write that leaves alone what they are about need not hear them again.
                if deep == Deep::NOTHING {
                    call.warnings.extend(call.storage.warnings(&new));
                }
                return Ok(written);
            }
            Err(PutError::Conflict) if pinned => return Err(modified(call, name)),
            Err(PutError::Conflict) => call.warnings.truncate(warned),
            Err(PutError::Other(status)) => return Err(*status),
        }
    }
    Err(modified(call, name))
}

pub fn modified(call: &Call, name: &str) -> Status {
    Status::conflict(
        &call.resource(),
        name,
        "the object has been modified; please apply your changes to the latest version and try again",
    )
}

/// Whether the new object insists on a revision or uid; 409 when they are not the current ones.
fn pinned(call: &Call, name: &str, new: &Value, old: &Value, at: Revision) -> Result<bool, Status> {
    let (uid, current) = (meta::text(new, "uid"), meta::text(old, "uid"));
    if !uid.is_empty() && current != uid {
        let detail = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {current}");
        return Err(Status::conflict(&call.resource(), name, detail));
    }
    match meta::text(new, "resourceVersion") {
        "" | "0" => Ok(false),
        given => match given.parse::<Revision>() {
            Ok(revision) if revision == at => Ok(true),
            Ok(_) => Err(modified(call, name)),
            Err(_) => Err(Status::bad_request(format!(
                "metadata.resourceVersion: Invalid value: {given:?}: must be a number"
            ))),
        },
    }
}

/// Completes and checks a changed object.
fn prepare(
    call: &mut Call,
    part: Part,
    metadata_alone: bool,
    ownership: Ownership,
    old: &Value,
    new: &mut Value,
) -> Result<(), Status> {
    let row = call.storage.clone();
    meta::remove(new, "resourceVersion");
    for field in
        ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"]
    {
        meta::copy(new, old, field);
    }
    row.hooks.default(new);
    let errors = match part {
        Part::Main if metadata_alone => {
            row.hooks.prepare_update(new, old);
            row.check_metadata_update(new, old)
        }
        Part::Main | Part::Scale => {
            row.hooks.prepare_update(new, old);
            row.check_update(new, old)
        }
        Part::Status => {
            row.hooks.prepare_status_update(new, old);
            row.check_status_update(new, old)
        }
        Part::Approval => {
            row.hooks.prepare_approval_update(new, old);
            row.check_status_update(new, old)
        }
        Part::Own(subresource) => {
            row.hooks.prepare_subresource_update(subresource, new, old);
            row.check_subresource_update(subresource, new, old)
        }
        // These change one field that only they may change.
        Part::Finalize | Part::Binding => vec![],
    };
    if !errors.is_empty() {
        let name = meta::text(new, "name");
        return Err(Status::invalid(&call.row.kind.group_kind(), name, errors));
    }
    if old["metadata"]["generation"].is_number() && substance_differs(&row, new, old) {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        meta::set(new, "generation", generation);
    }
    if ownership == Ownership::Untracked {
        own(call, part, Some(old), new)?;
    }
    admit(&Attributes { identity: &call.identity, row: &row, old: Some(old), new: Some(new), grace_period: None })?;
    signers::check(&call.app.authorizer, &call.identity, &row, part.subresource(), old, new)?;
    escalation::check(&call.app.authorizer, &call.identity, &row, Some(old), new)?;
    if asks_for_more(&row, part) {
        limits::check(&row, new, call.namespace(), &call.app.store.snapshot())?;
    }
    policies::check(call, Change { subresource: part.subresource(), old: Some(old), new: Some(new) })
}

/// Whether such a change may be about what limit ranges bound.
fn asks_for_more(row: &Row, part: Part) -> bool {
    match &*row.kind.plural {
        "pods" => part == Part::Own(Subresource::Resize),
        _ => part == Part::Main,
    }
}

/// Whether anything but metadata and status differs: what `generation` counts. `apiVersion` is a face of the same.
fn substance_differs(row: &Row, new: &Value, old: &Value) -> bool {
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else {
        return true;
    };
    let apart = row.hooks.status_is_apart();
    let substance = |key: &&String| match key.as_str() {
        "metadata" | "apiVersion" => false,
        "status" => !apart,
        _ => true,
    };
    new.keys().chain(old.keys()).filter(substance).any(|key| new.get(key) != old.get(key))
}

/// Notes in `managedFields` what this write changed.
pub fn own(call: &Call, part: Part, old: Option<&Value>, new: &mut Value) -> Result<(), Status> {
    let manager = call.field_manager();
    let api_version = call.storage.kind.api_version();
    let manager =
        Manager { name: &manager, api_version: &api_version, subresource: part.subresource(), time: Timestamp::now() };
    track(old, new, &manager, schema(&call.storage)?);
    Ok(())
}
