//! `node.k8s.io`: which runtime runs a pod.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::grammar;
use crate::kinds::declared::{Declared, immutable};
use crate::kinds::pod::validate::{resources, toleration};
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json, metadata};

const COLUMNS: &[Column] = &[Column::NAME, Column::text("Handler"), Column::AGE];

pub fn specs() -> Vec<Spec> {
    let hooks = Declared {
        validate,
        validate_update: |new, old, errors| immutable(new, old, &["handler"], &Path::new(""), errors),
        cells: |o, now| vec![json::text(o, "handler").into(), metadata::age(o, now).into()],
        ..Declared::NOTHING
    };
    vec![Spec {
        group: "node.k8s.io",
        package: "node",
        namespaced: false,
        columns: COLUMNS,
        enforced: false,
        ..Spec::core("RuntimeClass", "runtimeclasses", hooks)
    }]
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let handler = json::text(o, "handler");
    grammar(handler, names::dns1123_label(handler), &Path::new("handler"), errors);
    let overhead = json::at(o, &["overhead", "podFixed"]);
    if !overhead.is_null() {
        resources(&serde_json::json!({"limits": overhead}), &Path::new("overhead"), errors);
    }
    let (scheduling, path) = (json::get(o, "scheduling"), Path::new("scheduling"));
    errors.extend(metadata::validate_labels(scheduling, "nodeSelector", &path));
    for (i, item) in json::list(scheduling, "tolerations").iter().enumerate() {
        toleration(item, &path.child("tolerations").index(i), errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{cells, check, check_updates, good};

    #[test]
    fn a_class_names_a_handler_that_stays() {
        let class = good(
            "RuntimeClass",
            json!({"metadata": {"name": "fast"}, "handler": "fast", "overhead": {"podFixed": {"cpu": "10m"}},
                "scheduling": {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}]}}),
        );
        assert_eq!(cells("RuntimeClass", &class)[0].1, "fast");
        check(
            "RuntimeClass",
            &class,
            &[
                ("/handler", json!("a.b"), &["handler: Invalid value: \"a.b\": must not contain dots"]),
                (
                    "/overhead/podFixed/cpu",
                    json!("-1"),
                    &["overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"],
                ),
                (
                    "/scheduling/nodeSelector/a",
                    json!("-"),
                    &["scheduling.nodeSelector[a]: Invalid value: \"-\": a valid label must be an empty string \
                or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
                'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"],
                ),
                ("/scheduling/tolerations/0/key", json!(""), &[]),
                (
                    "/scheduling/tolerations/0/value",
                    json!("v"),
                    &["scheduling.tolerations[0].operator: Invalid value: \"v\": \
                value must be empty when `operator` is 'Exists'"],
                ),
            ],
        );
        check_updates(
            "RuntimeClass",
            &class,
            &[("/handler", json!("slow"), &["handler: Invalid value: \"slow\": field is immutable"])],
        );
    }
}
