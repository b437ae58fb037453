//! ReplicationController: what ReplicaSets were before. Its selector is a map of labels.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use crate::kinds::checks::not_negative;
pub use crate::kinds::replicaset::COLUMNS;
use crate::kinds::replicaset::COUNTS;
use crate::kinds::{Hooks, json, metadata, workload};

pub struct ReplicationController;

impl Hooks for ReplicationController {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        workload::default(spec);
        let labels = json::at(spec, &["template", "metadata", "labels"]).clone();
        if json::equivalent(&labels, &Value::Null) {
            return;
        }
        if json::same(spec, &Value::Null, "selector") {
            json::set(spec, "selector", labels.clone());
        }
        if let Some(metadata) = json::object_mut(o, "metadata")
            && json::same(metadata, &Value::Null, "labels")
        {
            json::set(metadata, "labels", labels);
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", json!({"replicas": 0}));
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        not_negative(spec, &["minReadySeconds", "replicas"], &path, &mut errors);
        let selector = json::map(spec, "selector").filter(|selector| !selector.is_empty());
        if selector.is_none() {
            errors.push(FieldError::required(&path.child("selector"), ""));
        }
        let (template, path) = (json::get(spec, "template"), path.child("template"));
        if !template.is_object() {
            errors.push(FieldError::required(&path, ""));
            return errors;
        }
        let meta = json::get(template, "metadata");
        let label = |key: &str| json::at(meta, &["labels", key]);
        if selector.into_iter().flatten().any(|(key, value)| label(key) != value) {
            errors.push(workload::no_match(meta, &path));
        }
        workload::pod_template(template, &path, &mut errors);
        workload::runs_forever(template, &path, "ReplicationController", &mut errors);
        errors
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        workload::validate_status(new, &COUNTS)
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        vec![("status.replicas", workload::count(json::get(o, "status"), "replicas").to_string())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let [names, images] = workload::container_cells(json::at(spec, &["template", "spec"]));
        let selector: Vec<String> =
            json::texts(spec, "selector").map(|(key, value)| format!("{key}={value}")).collect();
        vec![
            metadata::name(o).into(),
            workload::count(spec, "replicas").into(),
            workload::count(status, "replicas").into(),
            workload::count(status, "readyReplicas").into(),
            metadata::age(o, now).into(),
            names,
            images,
            selector.join(",").into(),
        ]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        workload::warnings(o)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::groups::faults_of;

    fn web(more: Value) -> Value {
        let mut o = json!({"metadata": {"name": "web"}, "spec": {"template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "x"}]}}}});
        for (key, value) in more.as_object().into_iter().flatten() {
            o["spec"][key] = value.clone();
        }
        ReplicationController.default(&mut o);
        o
    }

    #[test]
    fn the_template_says_what_is_selected_unless_the_user_does() {
        let o = web(json!({}));
        assert_eq!(
            (&o["spec"]["selector"], &o["metadata"]["labels"]),
            (&json!({"app": "web"}), &json!({"app": "web"}))
        );
        assert_eq!(faults_of(&ReplicationController, &o), Vec::<String>::new());
        let cells = ReplicationController.cells(&o, Timestamp::UNIX_EPOCH);
        assert_eq!(Value::from(cells), json!(["web", 1, 0, 0, "<unknown>", "c", "x", "app=web"]));
    }

    #[test]
    fn each_fault_names_its_field() {
        for (more, expected) in [
            (json!({"replicas": -1}), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
            (
                json!({"selector": {"app": "db"}}),
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
            ),
            (json!({"template": null, "selector": {"a": "b"}}), "spec.template: Required value"),
        ] {
            assert_eq!(faults_of(&ReplicationController, &web(more.clone())), [expected], "{more}");
        }
        let mut unselected = web(json!({}));
        unselected["spec"]["selector"] = json!({});
        assert_eq!(faults_of(&ReplicationController, &unselected), ["spec.selector: Required value"]);
    }
}
