//! The annotation that makes a pod the mirror of one that a node has from a file of its own.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::static_pod::CONFIG_MIRROR;

use crate::kinds::json;

fn annotation(pod: &Value) -> Option<&str> {
    json::at(pod, &["metadata", "annotations"]).get(CONFIG_MIRROR).and_then(Value::as_str)
}

pub fn is_mirror(pod: &Value) -> bool {
    annotation(pod).is_some()
}

fn path() -> Path {
    Path::new("metadata").child("annotations").key(CONFIG_MIRROR)
}

/// Only a node has mirrors.
pub fn validate(pod: &Value, errors: &mut Vec<FieldError>) {
    if let Some(value) = annotation(pod)
        && json::text(json::get(pod, "spec"), "nodeName").is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(FieldError::invalid(&path(), value, detail));
    }
}

/// A pod is a mirror from the start or never.
pub fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    match (annotation(old), annotation(new)) {
        (old, new) if old == new => vec![],
        (None, _) => vec![FieldError::forbidden(&path(), "may not add mirror pod annotation")],
        (Some(_), _) => vec![FieldError::forbidden(&path(), "may not remove or update mirror pod annotation")],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(annotations: Value, node: &str) -> Value {
        json!({"metadata": {"annotations": annotations}, "spec": {"nodeName": node}})
    }

    #[test]
    fn a_mirror_is_on_a_node() {
        for (pod, wrong) in [
            (pod(json!({}), ""), 0),
            (pod(json!({CONFIG_MIRROR: "1"}), "n"), 0),
            (pod(json!({CONFIG_MIRROR: "1"}), ""), 1),
        ] {
            let mut errors = vec![];
            validate(&pod, &mut errors);
            assert_eq!(errors.len(), wrong, "{pod}");
        }
    }

    #[test]
    fn the_annotation_stays_as_it_was_made() {
        for (old, new, detail) in [
            (json!({}), json!({"a": "b"}), None),
            (json!({CONFIG_MIRROR: "1"}), json!({CONFIG_MIRROR: "1", "a": "b"}), None),
            (json!({}), json!({CONFIG_MIRROR: "1"}), Some("may not add mirror pod annotation")),
            (json!({CONFIG_MIRROR: "1"}), json!({}), Some("may not remove or update mirror pod annotation")),
            (
                json!({CONFIG_MIRROR: "1"}),
                json!({CONFIG_MIRROR: "2"}),
                Some("may not remove or update mirror pod annotation"),
            ),
        ] {
            let errors = validate_update(&pod(new, "n"), &pod(old, "n"));
            let body = errors.first().map(FieldError::body);
            assert_eq!(body.is_some(), detail.is_some());
            assert!(body.unwrap_or_default().contains(detail.unwrap_or_default()));
        }
    }
}
