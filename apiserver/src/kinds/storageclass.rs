//! StorageClass: how volumes are made for the claims that name it.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Column, Hooks, json, metadata};
use crate::kinds::checks::{grammar, required_text};

/// Annotations of the class of claims that name none; the second is older.
const DEFAULT_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
pub const DEFAULT_ANNOTATION: &str = DEFAULT_ANNOTATIONS[0];

pub struct StorageClass;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Provisioner"),
    Column::text("ReclaimPolicy"),
    Column::text("VolumeBindingMode"),
    Column::text("AllowVolumeExpansion"),
    Column::AGE,
];

impl Hooks for StorageClass {
    fn default(&self, o: &mut Value) {
        json::fill_text(o, "reclaimPolicy", "Delete");
        json::fill_text(o, "volumeBindingMode", "Immediate");
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let provisioner = json::text(o, "provisioner");
        if provisioner.is_empty() {
            errors.push(FieldError::required(&Path::new("provisioner"), ""));
        } else {
            let found = names::qualified_name(&provisioner.to_lowercase());
            grammar(provisioner, found, &Path::new("provisioner"), &mut errors);
        }
        let choices: [(_, &[&str]); 2] =
            [("reclaimPolicy", &["Delete", "Retain"]), ("volumeBindingMode", &["Immediate", "WaitForFirstConsumer"])];
        for (field, supported) in choices {
            let given = json::text(o, field);
            if !supported.contains(&given) {
                errors.push(FieldError::not_supported(&Path::new(field), given, supported));
            }
        }
        for (i, term) in json::list(o, "allowedTopologies").iter().enumerate() {
            for (j, expression) in json::list(term, "matchLabelExpressions").iter().enumerate() {
                let path = Path::new("allowedTopologies").index(i).child("matchLabelExpressions").index(j);
                required_text(expression, "key", &path, &mut errors);
                if json::list(expression, "values").is_empty() {
                    errors.push(FieldError::required(&path.child("values"), ""));
                }
            }
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        for field in ["parameters", "provisioner", "reclaimPolicy"] {
            if !json::same(new, old, field) {
                errors.push(FieldError::forbidden(&Path::new(field), format!("updates to {field} are forbidden.")));
            }
        }
        if !json::same(new, old, "volumeBindingMode") {
            errors.push(metadata::immutable(&Path::new("volumeBindingMode"), json::get(new, "volumeBindingMode")));
        }
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let name = metadata::name(o);
        vec![
            if is_default(o) { format!("{name} (default)") } else { name.to_owned() }.into(),
            json::text(o, "provisioner").into(),
            json::text(o, "reclaimPolicy").into(),
            json::text(o, "volumeBindingMode").into(),
            json::flag(o, "allowVolumeExpansion").into(),
            metadata::age(o, now).into(),
        ]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        let fields = ["allowVolumeExpansion", "mountOptions", "parameters"];
        let asked = fields.into_iter().filter(|field| match json::get(o, field) {
            Value::Bool(flag) => *flag,
            other => !json::equivalent(other, &Value::Null),
        });
        asked.map(|field| format!("{field} is not enforced by this version")).collect()
    }
}

/// Whether claims that name no class are given this one.
pub fn is_default(o: &Value) -> bool {
    let annotations = json::at(o, &["metadata", "annotations"]);
    DEFAULT_ANNOTATIONS.iter().any(|key| json::text(annotations, key) == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_class_names_its_provisioner_and_stays() {
        let mut class = json!({"metadata": {"name": "fast"}, "provisioner": "example.com/fast"});
        StorageClass.default(&mut class);
        assert!(StorageClass.validate(&class).is_empty());
        assert_eq!((&class["reclaimPolicy"], &class["volumeBindingMode"]), (&json!("Delete"), &json!("Immediate")));
        let faults = |field: &str, value: Value| {
            let mut other = class.clone();
            other[field] = value;
            let all = StorageClass.validate(&other).into_iter().chain(StorageClass.validate_update(&other, &class));
            all.map(|error| error.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            faults("provisioner", "".into()),
            ["provisioner: Required value", "provisioner: Forbidden: updates to provisioner are forbidden."]
        );
        assert_eq!(
            faults("reclaimPolicy", "Keep".into())[0],
            "reclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Retain\""
        );
        assert_eq!(
            faults("volumeBindingMode", "WaitForFirstConsumer".into()),
            ["volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable"]
        );
        assert!(faults("allowVolumeExpansion", true.into()).is_empty());
    }

    #[test]
    fn the_default_class_is_marked() {
        let class = json!({"metadata": {"name": "fast", "annotations": {DEFAULT_ANNOTATION: "true"}}});
        assert_eq!(StorageClass.cells(&class, Timestamp::UNIX_EPOCH)[0], "fast (default)");
        assert!(!is_default(&json!({"metadata": {"name": "fast"}})));
    }
}
