//! PodTemplate: a pod template that stands by itself.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use crate::kinds::{Column, Hooks, json, metadata, pod, workload};

pub struct PodTemplate;

pub const COLUMNS: &[Column] =
    &[Column::NAME, Column::text("Containers"), Column::text("Images"), Column::text("Pod Labels")];

impl Hooks for PodTemplate {
    fn default(&self, o: &mut Value) {
        workload::default_template(o);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        workload::pod_template(json::get(o, "template"), &Path::new("template"), &mut errors);
        errors
    }

    fn cells(&self, o: &Value, _now: Timestamp) -> Vec<Value> {
        let template = json::get(o, "template");
        let [names, images] = workload::container_cells(json::get(template, "spec"));
        let labels: Vec<String> = json::texts(json::get(template, "metadata"), "labels")
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let labels = if labels.is_empty() { "<none>".to_owned() } else { labels.join(",") };
        vec![metadata::name(o).into(), names, images, labels.into()]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        pod::warnings_of_spec(json::at(o, &["template", "spec"]), "template.spec")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::groups::faults_of;

    #[test]
    fn its_template_is_completed_checked_and_shown() {
        let mut o = json!({"metadata": {"name": "t"}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "x"}]}}});
        PodTemplate.default(&mut o);
        assert_eq!(o["template"]["spec"]["restartPolicy"], "Always");
        assert_eq!(faults_of(&PodTemplate, &o), Vec::<String>::new());
        assert_eq!(Value::from(PodTemplate.cells(&o, Timestamp::UNIX_EPOCH)), json!(["t", "c", "x", "a=b"]));
        o["template"]["spec"]["containers"] = json!([]);
        assert_eq!(faults_of(&PodTemplate, &o), ["template.spec.containers: Required value"]);
    }
}
