//! Admission policies, validating and mutating, and their bindings.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::kind::split_api_version;
use timonier_api::names;

use super::rules::{conditions, default_resources, resources};
use super::{FAILURE_POLICIES, programs};
use crate::kinds::checks::{choice, grammar, optional_choice, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::selectors::label_selector;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};

const MOST_ANNOTATIONS: usize = 20;
/// Bytes.
const LONGEST_ANNOTATION: usize = 5 * 1024;
const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];

const VALIDATING: &[Column] = &[Column::NAME, Column::integer("Validations"), Column::text("ParamKind"), Column::AGE];
const MUTATING: &[Column] = &[Column::NAME, Column::integer("Mutations"), Column::text("ParamKind"), Column::AGE];
const BINDING: &[Column] = &[Column::NAME, Column::text("PolicyName"), Column::text("ParamRef"), Column::AGE];

pub fn specs() -> Vec<Spec> {
    let policy = Declared { default: default_policy, ..Declared::NOTHING };
    let validating = Declared {
        status: true,
        validate: |o, errors| {
            self::policy(o, errors);
            validations(o, errors);
            errors.extend(programs::compile(o).1);
        },
        cells: |o, now| policy_cells(o, "validations", now),
        ..policy
    };
    let mutating = Declared {
        validate: |o, errors| {
            self::policy(o, errors);
            mutations(o, errors);
        },
        cells: |o, now| policy_cells(o, "mutations", now),
        ..policy
    };
    let binding = Declared {
        default: |o| {
            if let Some(given) = o.pointer_mut("/spec/matchResources").filter(|given| given.is_object()) {
                default_resources(given);
            }
        },
        validate: self::binding,
        cells: |o, now| {
            let policy = json::text(json::get(o, "spec"), "policyName");
            vec![policy.into(), parameter_words(o).into(), metadata::age(o, now).into()]
        },
        ..Declared::NOTHING
    };
    let acting = Declared {
        validate: |o, errors| {
            self::binding(o, errors);
            actions(o, errors);
        },
        ..binding
    };
    let spec = |kind, plural, columns, hooks| Spec { columns, ..Spec::core(kind, plural, hooks) };
    vec![
        Spec {
            subresources: &[Subresource::Status],
            ..spec("ValidatingAdmissionPolicy", "validatingadmissionpolicies", VALIDATING, validating)
        },
        spec("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", BINDING, acting),
        spec("MutatingAdmissionPolicy", "mutatingadmissionpolicies", MUTATING, mutating),
        spec("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", BINDING, binding),
    ]
}

fn default_policy(o: &mut Value) {
    let Some(spec) = json::object_mut(o, "spec") else { return };
    json::fill_text(spec, "failurePolicy", "Fail");
    if let Some(constraints) = spec.get_mut("matchConstraints").filter(|given| given.is_object()) {
        default_resources(constraints);
    }
}

fn policy_cells(o: &Value, list: &str, now: jiff::Timestamp) -> Vec<Value> {
    let kind = json::at(o, &["spec", "paramKind"]);
    let words = match json::text(kind, "kind") {
        "" => "<unset>".to_owned(),
        name => format!("{}/{name}", json::text(kind, "apiVersion")),
    };
    vec![json::list(json::get(o, "spec"), list).len().into(), words.into(), metadata::age(o, now).into()]
}

fn parameter_words(o: &Value) -> String {
    let parameter = json::at(o, &["spec", "paramRef"]);
    let (name, namespace) = (json::text(parameter, "name"), json::text(parameter, "namespace"));
    match (parameter.is_null(), namespace) {
        (true, _) => "<unset>".to_owned(),
        (false, "") => name.to_owned(),
        (false, namespace) => format!("{namespace}/{name}"),
    }
}

fn policy(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    choice(spec, "failurePolicy", FAILURE_POLICIES, &path, errors);
    if json::has(spec, "paramKind") {
        parameter_kind(json::get(spec, "paramKind"), &path.child("paramKind"), errors);
    }
    let (constraints, at) = (json::get(spec, "matchConstraints"), path.child("matchConstraints"));
    if constraints.is_null() {
        errors.push(FieldError::required(&at, ""));
    } else {
        resources(constraints, &at, errors);
        if json::list(constraints, "resourceRules").is_empty() {
            errors.push(FieldError::required(&at.child("resourceRules"), ""));
        }
    }
    conditions(spec, &path, errors);
    for (i, variable) in json::list(spec, "variables").iter().enumerate() {
        let (path, name) = (path.child("variables").index(i), json::text(variable, "name"));
        if name.trim().is_empty() {
            errors.push(FieldError::required(&path.child("name"), "name is not specified"));
        } else if !names::c_identifier(name).is_empty() {
            errors.push(FieldError::invalid(&path.child("name"), name, "name is not a valid CEL identifier"));
        }
        expression(variable, "expression", &path, errors);
    }
}

fn expression(o: &Value, field: &'static str, path: &Path, errors: &mut Vec<FieldError>) {
    if json::text(o, field).trim().is_empty() {
        errors.push(FieldError::required(&path.child(field), format!("{field} is not specified")));
    }
}

fn parameter_kind(kind: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if required_text(kind, "apiVersion", path, errors) {
        let (given, path) = (json::text(kind, "apiVersion"), path.child("apiVersion"));
        let Some((group, version)) = split_api_version(given) else {
            return errors.push(FieldError::invalid(&path, given, format!("unexpected GroupVersion string: {given}")));
        };
        if !group.is_empty() {
            grammar(group, names::dns1123_subdomain(group), &path, errors);
        }
        grammar(version, names::dns1035_label(version), &path, errors);
    }
    if required_text(kind, "kind", path, errors) {
        let name = json::text(kind, "kind");
        let found = names::dns1035_label(&name.to_lowercase());
        if !found.is_empty() {
            let detail = format!("may have mixed case, but should otherwise match: {}", found.join(","));
            errors.push(FieldError::invalid(&path.child("kind"), name, detail));
        }
    }
}

fn validations(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let (validations, annotations) = (json::list(spec, "validations"), json::list(spec, "auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        for field in ["validations", "auditAnnotations"] {
            let detail = "validations or auditAnnotations must contain at least one item";
            errors.push(FieldError::required(&path.child(field), detail));
        }
    }
    for (i, validation) in validations.iter().enumerate() {
        self::validation(validation, &path.child("validations").index(i), errors);
    }
    let path = path.child("auditAnnotations");
    if annotations.len() > MOST_ANNOTATIONS {
        let detail = format!("must not have more than {MOST_ANNOTATIONS} auditAnnotations");
        errors.push(FieldError::invalid(&path, annotations.to_vec(), detail));
    }
    let mut seen = BTreeSet::new();
    for (i, annotation) in annotations.iter().enumerate() {
        let (path, key) = (path.index(i), json::text(annotation, "key"));
        let qualified = format!("{}/{key}", metadata::name(o));
        grammar(&qualified, names::qualified_name(&qualified), &path.child("key"), errors);
        let value = json::text(annotation, "valueExpression");
        if value.trim().is_empty() {
            errors.push(FieldError::required(&path.child("valueExpression"), "valueExpression is not specified"));
        } else if value.len() > LONGEST_ANNOTATION {
            errors.push(FieldError::too_long(&path.child("valueExpression"), LONGEST_ANNOTATION));
        }
        if !seen.insert(key) {
            errors.push(FieldError::duplicate(&path.child("key"), key));
        }
    }
}

fn validation(validation: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    expression(validation, "expression", path, errors);
    let blank =
        |field: &str| !json::text(validation, field).is_empty() && json::text(validation, field).trim().is_empty();
    let message = json::text(validation, "message");
    if blank("messageExpression") {
        let given = json::text(validation, "messageExpression");
        errors.push(FieldError::invalid(&path.child("messageExpression"), given, "must be non-empty if specified"));
    }
    if blank("message") {
        errors.push(FieldError::invalid(&path.child("message"), message, "message must be non-empty if specified"));
    } else if message.trim().contains('\n') {
        errors.push(FieldError::invalid(&path.child("message"), message, "message must not contain line breaks"));
    }
    optional_choice(validation, "reason", REASONS, path, errors);
}

fn mutations(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let mutations = json::list(spec, "mutations");
    if mutations.is_empty() {
        errors.push(FieldError::required(&path.child("mutations"), "mutations must contain at least one item"));
    }
    for (i, mutation) in mutations.iter().enumerate() {
        let path = path.child("mutations").index(i);
        let (field, other) = match json::text(mutation, "patchType") {
            "ApplyConfiguration" => ("applyConfiguration", "jsonPatch"),
            "JSONPatch" => ("jsonPatch", "applyConfiguration"),
            "" => {
                errors.push(FieldError::required(&path.child("patchType"), ""));
                continue;
            }
            unknown => {
                let supported = ["ApplyConfiguration", "JSONPatch"];
                errors.push(FieldError::not_supported(&path.child("patchType"), unknown, &supported));
                continue;
            }
        };
        let type_ = json::text(mutation, "patchType");
        if json::has(mutation, other) {
            let detail = format!("must not be specified when patchType is {type_}");
            errors.push(FieldError::invalid(&path.child(other), json::get(mutation, other).clone(), detail));
        }
        if json::has(mutation, field) {
            expression(json::get(mutation, field), "expression", &path.child(field), errors);
        } else {
            let detail = format!("must be specified when patchType is {type_}");
            errors.push(FieldError::required(&path.child(field), detail));
        }
    }
    choice(spec, "reinvocationPolicy", &["IfNeeded", "Never"], &path, errors);
}

fn binding(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    if required_text(spec, "policyName", &path, errors) {
        let name = json::text(spec, "policyName");
        grammar(name, names::dns1123_subdomain(name), &path.child("policyName"), errors);
    }
    if json::has(spec, "matchResources") {
        resources(json::get(spec, "matchResources"), &path.child("matchResources"), errors);
    }
    if json::has(spec, "paramRef") {
        parameter(json::get(spec, "paramRef"), &path.child("paramRef"), errors);
    }
}

fn parameter(parameter: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let name = json::text(parameter, "name");
    match (name.is_empty(), json::has(parameter, "selector")) {
        (true, false) => errors.push(FieldError::required(path, "one of name or selector must be specified")),
        (false, true) => {
            let detail = "name and selector are mutually exclusive";
            errors.push(FieldError::forbidden(&path.child("name"), detail));
        }
        (false, false) => grammar(name, names::path_segment(name), &path.child("name"), errors),
        (true, true) => label_selector(json::get(parameter, "selector"), &path.child("selector"), errors),
    }
    choice(parameter, "parameterNotFoundAction", &["Allow", "Deny"], path, errors);
}

fn actions(o: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("spec").child("validationActions");
    let actions = json::list(json::get(o, "spec"), "validationActions");
    let mut seen = BTreeSet::new();
    for (i, action) in actions.iter().enumerate() {
        let action = action.as_str().unwrap_or("");
        if !matches!(action, "Audit" | "Deny" | "Warn") {
            errors.push(FieldError::not_supported(&path.index(i), action, &["Audit", "Deny", "Warn"]));
        }
        if !seen.insert(action) {
            errors.push(FieldError::duplicate(&path.index(i), action));
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
                      response and headers serves no purpose)";
        errors.push(FieldError::invalid(&path, actions.to_vec(), detail));
    }
    if actions.is_empty() {
        errors.push(FieldError::required(&path, "at least one validation action is required"));
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
