//! What both webhooks and policies say of the requests that concern them.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::MATCH_POLICIES;
use crate::kinds::checks::{choice, grammar, required_text};
use crate::kinds::json;
use crate::kinds::selectors::label_selector;

const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: &[&str] = &["*", "Cluster", "Namespaced"];
const MOST_CONDITIONS: usize = 64;

/// The texts of a list.
fn texts<'a>(o: &'a Value, field: &str) -> Vec<&'a str> {
    json::list(o, field).iter().map(|item| item.as_str().unwrap_or("")).collect()
}

pub fn default_rules(o: &mut Value, field: &str) {
    for rule in json::list_mut(o, field) {
        json::fill_text(rule, "scope", "*");
    }
}

/// Fills in the resources that a policy or its binding is about.
pub fn default_resources(resources: &mut Value) {
    json::fill_text(resources, "matchPolicy", "Equivalent");
    for selector in ["namespaceSelector", "objectSelector"] {
        json::object_mut(resources, selector);
    }
    for rules in ["resourceRules", "excludeResourceRules"] {
        default_rules(resources, rules);
    }
}

/// Checks the resources that a policy or its binding is about.
pub fn resources(resources: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    choice(resources, "matchPolicy", MATCH_POLICIES, path, errors);
    for selector in ["namespaceSelector", "objectSelector"] {
        label_selector(json::get(resources, selector), &path.child(selector), errors);
    }
    for rules in ["resourceRules", "excludeResourceRules"] {
        for (i, rule) in json::list(resources, rules).iter().enumerate() {
            let path = path.child(rules).index(i);
            let mut seen = BTreeSet::new();
            for (i, name) in texts(rule, "resourceNames").into_iter().enumerate() {
                let path = path.child("resourceNames").index(i);
                grammar(name, names::path_segment(name), &path, errors);
                if !seen.insert(name) {
                    errors.push(FieldError::duplicate(&path, name));
                }
            }
            self::rule(rule, &path, errors);
        }
    }
}

/// Checks which operations on which resources a rule is about.
pub fn rule(rule: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    wild_list(rule, "operations", "operations", path, errors);
    for (i, operation) in texts(rule, "operations").into_iter().enumerate() {
        if !OPERATIONS.contains(&operation) {
            errors.push(FieldError::not_supported(&path.child("operations").index(i), operation, OPERATIONS));
        }
    }
    wild_list(rule, "apiGroups", "API groups", path, errors);
    wild_list(rule, "apiVersions", "API versions", path, errors);
    for (i, _) in texts(rule, "apiVersions").iter().enumerate().filter(|(_, version)| version.is_empty()) {
        errors.push(FieldError::required(&path.child("apiVersions").index(i), ""));
    }
    rule_resources(&texts(rule, "resources"), &path.child("resources"), errors);
    let scope = json::text(rule, "scope");
    if !scope.is_empty() && !SCOPES.contains(&scope) {
        errors.push(FieldError::not_supported(&path.child("scope"), scope, SCOPES));
    }
}

/// A list that is required, and in which `*` stands alone.
fn wild_list(o: &Value, field: &'static str, words: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let items = texts(o, field);
    if items.is_empty() {
        errors.push(FieldError::required(&path.child(field), ""));
    } else if items.len() > 1 && items.contains(&"*") {
        let detail = format!("if '*' is present, must not specify other {words}");
        errors.push(FieldError::invalid(&path.child(field), items, detail));
    }
}

/// No entry may be covered by another one.
fn rule_resources(resources: &[&str], path: &Path, errors: &mut Vec<FieldError>) {
    if resources.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    let (mut whole_resources, mut whole_subresources) = (BTreeSet::new(), BTreeSet::new());
    for (i, entry) in resources.iter().enumerate() {
        let path = path.index(i);
        if entry.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
        let Some((resource, subresource)) = entry.split_once('/') else { continue };
        if whole_resources.contains(resource) {
            let detail = format!("if '{resource}/*' is present, must not specify {entry}");
            errors.push(FieldError::invalid(&path, *entry, detail));
        }
        if whole_subresources.contains(subresource) {
            let detail = format!("if '*/{subresource}' is present, must not specify {entry}");
            errors.push(FieldError::invalid(&path, *entry, detail));
        }
        if subresource == "*" {
            whole_resources.insert(resource);
        }
        if resource == "*" {
            whole_subresources.insert(subresource);
        }
    }
    if resources.len() > 1 && resources.contains(&"*/*") {
        let detail = "if '*/*' is present, must not specify other resources";
        errors.push(FieldError::invalid(path, resources.to_vec(), detail));
    }
    if resources.contains(&"*") && resources.iter().any(|entry| *entry != "*" && !entry.contains('/')) {
        let detail = "if '*' is present, must not specify other resources without subresources";
        errors.push(FieldError::invalid(path, resources.to_vec(), detail));
    }
}

/// Checks the conditions under which a webhook or a policy is asked.
pub fn conditions(o: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (conditions, path) = (json::list(o, "matchConditions"), path.child("matchConditions"));
    if conditions.len() > MOST_CONDITIONS {
        errors.push(FieldError::too_many(&path, conditions.len(), MOST_CONDITIONS));
    }
    let mut seen = BTreeSet::new();
    for (i, condition) in conditions.iter().enumerate() {
        let (path, name) = (path.index(i), json::text(condition, "name"));
        if json::text(condition, "expression").trim().is_empty() {
            errors.push(FieldError::required(&path.child("expression"), ""));
        }
        if required_text(condition, "name", &path, errors) {
            grammar(name, names::qualified_name(name), &path.child("name"), errors);
            if !seen.insert(name) {
                errors.push(FieldError::duplicate(&path.child("name"), name));
            }
        }
    }
}
