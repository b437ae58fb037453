//! IngressClass: whose ingresses are whose.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::super::grammar::{domain_prefixed_path, optional_subdomain, required_segment};
use crate::kinds::checks::{choice, grammar, required_text};
use crate::kinds::declared::{Declared, immutable};
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json, metadata};

/// Bytes.
const LONGEST_CONTROLLER: usize = 250;

const COLUMNS: &[Column] = &[Column::NAME, Column::text("Controller"), Column::text("Parameters"), Column::AGE];

pub fn spec() -> Spec {
    let hooks = Declared {
        default: |o| {
            if let Some(parameters) = o.pointer_mut("/spec/parameters").filter(|parameters| parameters.is_object()) {
                json::fill_text(parameters, "scope", "Cluster");
            }
        },
        validate,
        validate_update: |new, old, errors| {
            immutable(json::get(new, "spec"), json::get(old, "spec"), &["controller"], &Path::new("spec"), errors);
        },
        cells: |o, now| {
            let controller = json::text(json::get(o, "spec"), "controller");
            vec![controller.into(), parameters_words(o).into(), metadata::age(o, now).into()]
        },
        ..Declared::NOTHING
    };
    Spec {
        namespaced: false,
        generations: true,
        columns: COLUMNS,
        ..Spec::core("IngressClass", "ingressclasses", hooks)
    }
}

/// Whether ingresses that name no class are given this one.
pub fn is_default(o: &Value) -> bool {
    json::text(json::at(o, &["metadata", "annotations"]), "ingressclass.kubernetes.io/is-default-class") == "true"
}

fn parameters_words(o: &Value) -> String {
    let parameters = json::at(o, &["spec", "parameters"]);
    let (group, name) = (json::text(parameters, "apiGroup"), json::text(parameters, "name"));
    match json::text(parameters, "kind") {
        "" => "<none>".to_owned(),
        kind if group.is_empty() => format!("{kind}/{name}"),
        kind => format!("{kind}.{group}/{name}"),
    }
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    if required_text(spec, "controller", &path, errors) {
        let (controller, path) = (json::text(spec, "controller"), path.child("controller"));
        if controller.len() > LONGEST_CONTROLLER {
            errors.push(FieldError::too_long(&path, LONGEST_CONTROLLER));
        }
        domain_prefixed_path(controller, &path, errors);
    }
    let (parameters, path) = (json::get(spec, "parameters"), path.child("parameters"));
    if parameters.is_null() {
        return;
    }
    optional_subdomain(parameters, "apiGroup", &path, errors);
    required_segment(parameters, "kind", &path, errors);
    required_segment(parameters, "name", &path, errors);
    choice(parameters, "scope", &["Cluster", "Namespace"], &path, errors);
    let (namespace, given) = (json::text(parameters, "namespace"), json::has(parameters, "namespace"));
    let path = path.child("namespace");
    match json::text(parameters, "scope") {
        "Namespace" if given => grammar(namespace, names::dns1123_label(namespace), &path, errors),
        "Namespace" => errors.push(FieldError::required(&path, "`parameters.scope` is set to 'Namespace'")),
        "Cluster" if given => errors.push(FieldError::forbidden(&path, "`parameters.scope` is set to 'Cluster'")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{cells, check, check_updates, good};

    #[test]
    fn a_class_names_its_controller() {
        let class = good(
            "IngressClass",
            json!({"metadata": {"name": "c"}, "spec": {"controller": "example.com/c",
                "parameters": {"apiGroup": "x.io", "kind": "P", "name": "p"}}}),
        );
        assert_eq!(cells("IngressClass", &class)[1].1, "P.x.io/p");
        check(
            "IngressClass",
            &class,
            &[
                ("/spec/controller", json!(""), &["spec.controller: Required value"]),
                (
                    "/spec/controller",
                    json!("c"),
                    &["spec.controller: Invalid value: \"c\": \
                    must be a domain-prefixed path (such as \"acme.io/foo\")"],
                ),
                (
                    "/spec/parameters/namespace",
                    json!("n"),
                    &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
                ),
                (
                    "/spec/parameters/scope",
                    json!("Namespace"),
                    &["spec.parameters.namespace: Required value: \
                    `parameters.scope` is set to 'Namespace'"],
                ),
                (
                    "/spec/parameters/scope",
                    json!("World"),
                    &["spec.parameters.scope: Unsupported value: \"World\": \
                    supported values: \"Cluster\", \"Namespace\""],
                ),
                ("/spec/parameters/kind", json!(""), &["spec.parameters.kind: Required value"]),
            ],
        );
        let other = "example.com/d";
        check_updates(
            "IngressClass",
            &class,
            &[
                (
                    "/spec/controller",
                    json!(other),
                    &["spec.controller: Invalid value: \"example.com/d\": field is immutable"],
                ),
                ("/spec/parameters", json!(null), &[]),
            ],
        );
    }
}
