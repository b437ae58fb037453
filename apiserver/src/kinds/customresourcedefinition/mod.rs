//! CustomResourceDefinition: a kind that users add to a running server.
//!
//! `validate` (the definition), `versions` (what a version says beside its schema), `schema` (is a schema structural),
//! `conditions` (whether its names are free: what the server writes into its status).

pub mod conditions;
mod protected;
mod schema;
mod validate;
mod versions;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::FieldError;

use super::{Column, Hooks, json, metadata};

pub use versions::simple_path;

pub const GROUP: &str = "apiextensions.k8s.io";
/// Holds a definition until its objects are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

pub struct CustomResourceDefinition;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::new("Created At", "date", "", 0)];

impl Hooks for CustomResourceDefinition {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        if let Some(names) = json::object_mut(spec, "names") {
            let kind = json::text(names, "kind").to_owned();
            if !kind.is_empty() {
                json::fill_text(names, "singular", &kind.to_lowercase());
                json::fill_text(names, "listKind", &format!("{kind}List"));
            }
        }
        json::fill(spec, "conversion", json!({"strategy": "None"}));
        for version in json::list_mut(spec, "versions") {
            let lists = ["additionalPrinterColumns", "selectableFields"];
            for field in lists.into_iter().filter(|field| json::list(version, field).is_empty()).collect::<Vec<_>>() {
                json::remove(version, field);
            }
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        let stored: Vec<Value> = storage_version(o).map(Value::from).into_iter().collect();
        let status = json!({"conditions": [], "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored});
        json::set(o, "status", status);
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
        let Some(version) = storage_version(new).map(str::to_owned) else {
            return;
        };
        // Objects may be stored in it from now on.
        if let Some(status) = json::object_mut(new, "status") {
            json::fill(status, "storedVersions", Vec::<Value>::new());
            if let Some(stored) = status["storedVersions"].as_array_mut()
                && !stored.iter().any(|there| *there == *version)
            {
                stored.push(version.into());
            }
        }
    }

    fn prepare_delete(&self, o: &mut Value) {
        metadata::add_finalizer(o, FINALIZER);
        conditions::set(o, conditions::pending_deletion(), Timestamp::now());
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        validate::definition(o)
    }

    fn validate_create(&self, o: &Value) -> Vec<FieldError> {
        validate::rules(o, None)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = validate::update(new, old);
        errors.extend(validate::rules(new, Some(old)));
        errors
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        validate::stored_versions(new)
    }

    fn cells(&self, o: &Value, _now: Timestamp) -> Vec<Value> {
        let made = json::text(json::get(o, "metadata"), "creationTimestamp");
        vec![metadata::name(o).into(), made.into()]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        let mut warnings = vec![];
        if json::text(json::at(o, &["spec", "conversion"]), "strategy") == "Webhook" {
            warnings.push(
                "spec.conversion.webhook is not enforced by this version: objects differ between versions by apiVersion \
                 alone"
                    .to_owned(),
            );
        }
        warnings
    }
}

/// The name of the version in which objects are stored.
fn storage_version(o: &Value) -> Option<&str> {
    let versions = json::list(json::get(o, "spec"), "versions");
    versions.iter().find(|version| json::flag(version, "storage")).map(|version| json::text(version, "name"))
}

/// Whether a condition of the definition is true.
pub fn is(o: &Value, condition: &str) -> bool {
    let conditions = json::list(json::get(o, "status"), "conditions");
    conditions.iter().any(|c| json::text(c, "type") == condition && json::text(c, "status") == "True")
}
