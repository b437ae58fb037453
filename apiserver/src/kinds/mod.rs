//! The kinds: data in a [`Row`], behaviour in its [`Hooks`]. One file (or folder) a kind, one row each in [`table`].
//!
//! Hooks work on plain JSON in the kind's *storage* form and are pure: whatever needs the store or the network is the
//! registry's business. Order on a create: `default`, `prepare_create`, admission, [`Row::check_create`]; on an update:
//! `default`, `prepare_update`, admission, [`Row::check_update`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::FieldError;
use timonier_api::kind::{GroupResource, Kind};
use timonier_api::names;

use crate::identity::Identity;

pub mod amounts;
mod builtin;
pub mod certificatesigningrequest;
pub mod checks;
pub mod claims;
pub mod configmap;
pub mod custom;
pub mod customresourcedefinition;
mod declared;
mod deep;
pub mod deployment;
pub mod event;
pub mod groups;
pub mod json;
pub mod lease;
pub mod metadata;
pub mod namespace;
pub mod node;
pub mod persistentvolume;
pub mod persistentvolumeclaim;
pub mod pod;
pub mod replicaset;
pub mod review;
mod rules;
pub mod secret;
pub mod selectors;
pub mod service;
pub mod serviceaccount;
mod spec;
pub mod storageclass;
pub mod table;
pub mod workload;

pub use custom::Custom;
pub use deep::Deep;
pub use review::Review;
pub use table::{Kinds, Table};

/// One kind in one served version.
pub struct Row {
    pub kind: Kind,
    /// Where objects are kept; two served kinds may share it (the two faces of an Event).
    pub storage: GroupResource,
    /// The version in which they are kept.
    pub storage_version: String,
    /// Whether `metadata.generation` counts specs, so that a status can say which one it is about.
    pub generations: bool,
    /// What may be done with its objects: all of [`Row::ALL_VERBS`], or less.
    pub verbs: Cow<'static, [&'static str]>,
    pub columns: Cow<'static, [Column]>,
    pub subresources: Cow<'static, [Subresource]>,
    pub hooks: Arc<dyn Hooks>,
    /// False: stored and validated only, and every write says so.
    pub enforced: bool,
    /// Objects vanish this long after their last write.
    pub ttl: Option<Duration>,
}

/// A part of an object with a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subresource {
    Status,
    Scale,
    Binding,
    /// A deletion that may be refused for the sake of those who use the pod.
    Eviction,
    Log,
    Exec,
    Attach,
    PortForward,
    /// What a pod, a service or a node's agent serves over HTTP.
    Proxy,
    /// A service account's tokens.
    Token,
    /// The verdict on a certificate request.
    Approval,
    /// Containers added to a pod that runs.
    EphemeralContainers,
    /// The resources of a pod that runs.
    Resize,
    /// A namespace's spec.finalizers, written by the namespace controller.
    Finalize,
}

impl Subresource {
    /// The last segment of its path.
    pub fn name(self) -> &'static str {
        match self {
            Subresource::Status => "status",
            Subresource::Scale => "scale",
            Subresource::Binding => "binding",
            Subresource::Eviction => "eviction",
            Subresource::Log => "log",
            Subresource::Exec => "exec",
            Subresource::Attach => "attach",
            Subresource::PortForward => "portforward",
            Subresource::Proxy => "proxy",
            Subresource::Token => "token",
            Subresource::Approval => "approval",
            Subresource::EphemeralContainers => "ephemeralcontainers",
            Subresource::Resize => "resize",
            Subresource::Finalize => "finalize",
        }
    }
}

/// A column of the Table that `kubectl get` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: Cow<'static, str>,
    /// `string`, `integer` or `date`.
    pub type_: Cow<'static, str>,
    /// `name` marks the column that names the object.
    pub format: Cow<'static, str>,
    pub description: Cow<'static, str>,
    /// 0 is always shown, 1 only in wide output.
    pub priority: i32,
}

impl Column {
    /// The first column of every kind.
    pub const NAME: Column = Column::new("Name", "string", "name", 0);
    /// Time since creation.
    pub const AGE: Column = Column::new("Age", "string", "", 0);

    pub const fn new(name: &'static str, type_: &'static str, format: &'static str, priority: i32) -> Column {
        Column {
            name: Cow::Borrowed(name),
            type_: Cow::Borrowed(type_),
            format: Cow::Borrowed(format),
            description: Cow::Borrowed(""),
            priority,
        }
    }

    pub const fn text(name: &'static str) -> Column {
        Column::new(name, "string", "", 0)
    }

    pub const fn integer(name: &'static str) -> Column {
        Column::new(name, "integer", "", 0)
    }

    /// Shown with `-o wide`.
    pub const fn wide(name: &'static str) -> Column {
        Column::new(name, "string", "", 1)
    }
}

/// What a kind does beyond being stored. Every `Value` is a whole object.
pub trait Hooks: Send + Sync {
    /// Fills in what the user left out. Idempotent.
    fn default(&self, _o: &mut Value) {}

    /// Clears what a creator may not set (status) and adds what the server decides.
    fn prepare_create(&self, _o: &mut Value) {}

    /// Writes down who created it; whoever did cannot say otherwise.
    fn created_by(&self, _o: &mut Value, _by: &Identity) {}

    /// Adds what follows from its name, which is known now. `before`: the name that it had, if one was tried and taken.
    fn named(&self, _o: &mut Value, _before: &str) {}

    /// Keeps what an update may not touch (status).
    fn prepare_update(&self, _new: &mut Value, _old: &Value) {}

    /// Keeps what a status update may not touch (spec, most of metadata).
    fn prepare_status_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_all_but_status(new, old);
    }

    /// Keeps all but the verdict on a certificate request.
    fn prepare_approval_update(&self, new: &mut Value, old: &Value) {
        *new = old.clone();
    }

    /// Keeps all that a write to a subresource of the kind's own may not touch.
    fn prepare_subresource_update(&self, _part: Subresource, _new: &mut Value, _old: &Value) {}

    /// What such a write may not say.
    fn validate_subresource_update(&self, _part: Subresource, _new: &Value, _old: &Value) -> Vec<FieldError> {
        vec![]
    }

    /// What a new object may not say although an old one may; `validate` runs too.
    fn validate_create(&self, _o: &Value) -> Vec<FieldError> {
        vec![]
    }

    /// What is wrong with a name (before metadata is checked as a whole).
    fn name_errors(&self, name: &str) -> Vec<String> {
        names::dns1123_subdomain(name)
    }

    /// All but metadata.
    fn validate(&self, _o: &Value) -> Vec<FieldError> {
        vec![]
    }

    /// What may not change; `validate(new)` runs too.
    fn validate_update(&self, _new: &Value, _old: &Value) -> Vec<FieldError> {
        vec![]
    }

    /// What runs on an update: both of them, unless what has not changed is let through.
    fn validate_change(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate(new);
        errors.extend(self.validate_update(new, old));
        errors
    }

    /// Runs instead of `validate` and `validate_update` when only status is written.
    fn validate_status_update(&self, _new: &Value, _old: &Value) -> Vec<FieldError> {
        vec![]
    }

    /// Fields that selectors may name, besides `metadata.name` and `metadata.namespace`.
    fn fields(&self, _o: &Value) -> Vec<(&str, String)> {
        vec![]
    }

    /// The names that [`Hooks::fields`] can answer with: anything else in a selector is refused.
    fn selectable(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a selector may name this field.
    fn selects_by(&self, field: &str) -> bool {
        self.selectable().contains(&field)
    }

    /// What its watchers are filed under (a pod's node).
    fn tag(&self, _o: &Value) -> Option<String> {
        None
    }

    /// One cell a column, as kubectl shows them, wide ones included.
    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        vec![metadata::name(o).into(), metadata::age(o, now).into()]
    }

    /// What the writer should know: fields that are stored but have no effect yet.
    fn warnings(&self, _o: &Value) -> Vec<String> {
        vec![]
    }

    /// `Some(n)`: deleted gracefully, gone after at most `n` seconds (0: at once). `None`: there is no grace.
    fn grace_period(&self, _o: &Value, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// Of a kind that is only ever created: the question that it asks. Its objects are answers, and not kept.
    fn review(&self) -> Option<Review> {
        None
    }

    /// Where its objects come from.
    fn origin(&self) -> Origin {
        Origin::Store
    }

    /// Whether status is written apart from the rest, and so is nothing that `metadata.generation` counts.
    fn status_is_apart(&self) -> bool {
        true
    }

    /// What whoever asks for the kind in this version should know: that it will go, and what to use instead.
    fn deprecation(&self) -> Option<String> {
        None
    }

    /// Of an object that is about to be deleted: adds what must be waited for before it goes.
    fn prepare_delete(&self, _o: &mut Value) {}

    /// Of a custom resource: what its definition says.
    fn custom(&self) -> Option<&Custom> {
        None
    }

    /// What of an object may stay text while a write leaves it alone: nothing that [`Hooks::fields`], [`Hooks::tag`],
    /// [`Hooks::grace_period`] or, for `spec`, what is done on a write of status ask for.
    fn deep(&self) -> Deep {
        Deep::NOTHING
    }

    /// Runs instead of all other validation when `metadata` alone is written to an object whose deep members are text.
    fn validate_metadata_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        self.validate_change(new, old)
    }

    /// From the served to the stored form.
    fn to_storage(&self, _o: &mut Value) {}

    /// From the stored to the served form.
    fn to_served(&self, _o: &mut Value) {}
}

/// Where objects of a kind come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Store,
    /// From nowhere: one that is created binds the pod of its name.
    Binding,
    /// From a look at the parts of the cluster.
    Components,
}

/// For kinds that need nothing but their data.
pub struct Plain;

impl Hooks for Plain {}

impl Row {
    pub const ALL_VERBS: &'static [&'static str] =
        &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    /// Of kinds that are answered when they are created, and never kept.
    pub const ASKED: &'static [&'static str] = &["create"];

    /// Keys of this kind start with this and a slash: `pods`, `deployments.apps`.
    pub fn storage_prefix(&self) -> String {
        self.storage.to_string()
    }

    /// Whether served and stored form differ.
    pub fn converts(&self) -> bool {
        self.storage.group != self.kind.group
            || self.storage.resource != self.kind.plural
            || self.storage_version != self.kind.version
            || self.hooks.custom().is_some_and(Custom::converts)
    }

    pub fn may(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }

    /// Whether objects of this kind are kept at all.
    pub fn is_kept(&self) -> bool {
        self.may("update")
    }

    pub fn has(&self, subresource: Subresource) -> bool {
        self.subresources.contains(&subresource)
    }

    /// Metadata and all else of a new object.
    pub fn check_create(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = metadata::validate(o, self);
        errors.extend(self.hooks.validate(o));
        errors.extend(self.hooks.validate_create(o));
        errors
    }

    /// Metadata and all else of a changed object.
    pub fn check_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = metadata::validate_update(new, old);
        errors.extend(self.hooks.validate_change(new, old));
        errors
    }

    /// Metadata alone.
    pub fn check_metadata_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = metadata::validate_update(new, old);
        errors.extend(self.hooks.validate_metadata_update(new, old));
        errors
    }

    /// Metadata and status of an object whose status was written.
    pub fn check_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = metadata::validate_update(new, old);
        errors.extend(self.hooks.validate_status_update(new, old));
        errors
    }

    /// Metadata, and what was written through a subresource of the kind's own.
    pub fn check_subresource_update(&self, part: Subresource, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = metadata::validate_update(new, old);
        errors.extend(self.hooks.validate_subresource_update(part, new, old));
        errors
    }

    /// What a writer should be told about an accepted object.
    pub fn warnings(&self, o: &Value) -> Vec<String> {
        let mut warnings = self.hooks.warnings(o);
        if !self.enforced {
            warnings.push(format!("{} is not enforced by this version", self.kind.kind));
        }
        warnings
    }
}
