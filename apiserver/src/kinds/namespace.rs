//! Namespace: a space of names, emptied by its controller before it goes.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Column, Hooks, json, metadata};

/// The finalizer of the namespace controller, in `spec.finalizers`.
const FINALIZER: &str = "kubernetes";
/// Lets selectors find a namespace by its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub struct Namespace;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Status"), Column::AGE];

fn label(o: &mut Value) {
    let name = metadata::name(o).to_owned();
    if name.is_empty() {
        return;
    }
    let labels = json::object_mut(o, "metadata").and_then(|m| json::object_mut(m, "labels"));
    if let Some(labels) = labels {
        json::set(labels, NAME_LABEL, name);
    }
}

impl Hooks for Namespace {
    fn default(&self, o: &mut Value) {
        label(o);
        if let Some(status) = json::object_mut(o, "status") {
            json::fill_text(status, "phase", "Active");
        }
        json::object_mut(o, "spec");
    }

    fn prepare_create(&self, o: &mut Value) {
        label(o);
        json::set(o, "status", json!({"phase": "Active"}));
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        json::fill(spec, "finalizers", Vec::<Value>::new());
        if let Some(finalizers) = spec.get_mut("finalizers").and_then(Value::as_array_mut)
            && !finalizers.iter().any(|f| f == FINALIZER)
        {
            finalizers.push(FINALIZER.into());
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
        let finalizers = json::at(old, &["spec", "finalizers"]).clone();
        if let Some(spec) = json::object_mut(new, "spec") {
            json::set(spec, "finalizers", finalizers);
        }
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        names::dns1123_label(name)
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let path = Path::new("spec").child("finalizers");
        let finalizers = json::list(json::get(o, "spec"), "finalizers").iter();
        for finalizer in finalizers.filter_map(Value::as_str) {
            for message in names::qualified_name(finalizer) {
                errors.push(FieldError::invalid(&path, finalizer, message));
            }
            if !finalizer.contains('/') && finalizer != FINALIZER {
                let detail = "name is neither a standard finalizer name nor is it fully qualified";
                errors.push(FieldError::invalid(&path, finalizer, detail));
            }
        }
        errors
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        let phase = json::text(json::get(new, "status"), "phase");
        let going = json::has(json::get(new, "metadata"), "deletionTimestamp");
        let detail = match (going, phase) {
            (false, "Active") | (true, "Terminating") => return vec![],
            (false, _) => "may only be 'Active' if `deletionTimestamp` is empty",
            (true, _) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
        };
        let path = Path::new("status").child("phase");
        vec![FieldError::invalid(&path, phase, detail)]
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["status.phase"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        let phase = json::text(json::get(o, "status"), "phase");
        vec![("status.phase", phase.to_owned())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let phase = json::text(json::get(o, "status"), "phase");
        vec![metadata::name(o).into(), phase.into(), metadata::age(o, now).into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_namespace_is_active_labelled_and_held_by_its_controller() {
        let mut o = json!({"metadata": {"name": "a"}, "status": {"phase": "Terminating"}});
        Namespace.default(&mut o);
        Namespace.prepare_create(&mut o);
        assert_eq!(
            o,
            json!({"metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
        );
        assert!(Namespace.validate(&o).is_empty());
        assert_eq!(Namespace.cells(&o, Timestamp::UNIX_EPOCH), [json!("a"), json!("Active"), json!("<unknown>")]);
    }

    #[test]
    fn an_update_keeps_finalizers_and_status() {
        let old =
            json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
        let mut new = json!({"metadata": {"name": "a"}, "status": {"phase": "Terminating"}});
        Namespace.prepare_update(&mut new, &old);
        assert_eq!(new, old);
    }

    #[test]
    fn it_terminates_only_once_it_is_deleted() {
        let o = json!({"metadata": {}, "status": {"phase": "Terminating"}});
        assert_eq!(Namespace.validate_status_update(&o, &o).len(), 1);
        let o = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Terminating"}});
        assert!(Namespace.validate_status_update(&o, &o).is_empty());
        let odd = json!({"spec": {"finalizers": ["mine", "a.b/c"]}});
        assert_eq!(Namespace.validate(&odd).len(), 1);
    }
}
