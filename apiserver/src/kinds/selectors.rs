//! Checks of selectors: of labels, and of nodes.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::checks::grammar;
use super::{json, metadata};

/// Checks a node selector at `path`.
pub fn node_selector(selector: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let terms = json::list(selector, "nodeSelectorTerms");
    let path = path.child("nodeSelectorTerms");
    if terms.is_empty() {
        let detail = "must have at least one node selector term";
        errors.push(FieldError::required(&path, detail));
    }
    for (i, term) in terms.iter().enumerate() {
        node_selector_term(term, &path.index(i), errors);
    }
}

pub fn node_selector_term(term: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (i, expression) in json::list(term, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(i);
        node_expression(expression, &path, errors);
        let key = json::text(expression, "key");
        grammar(key, names::qualified_name(key), &path.child("key"), errors);
    }
    for (i, expression) in json::list(term, "matchFields").iter().enumerate() {
        let path = path.child("matchFields").index(i);
        let operator = json::text(expression, "operator");
        if !matches!(operator, "In" | "NotIn") {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(&path.child("operator"), operator, detail));
        } else if json::list(expression, "values").len() != 1 {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(FieldError::required(&path.child("values"), detail));
        }
        let key = json::text(expression, "key");
        if key != "metadata.name" {
            let detail = "not a valid field selector key";
            errors.push(FieldError::invalid(&path.child("key"), key, detail));
        }
    }
}

fn node_expression(expression: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let values = json::list(expression, "values").len();
    let path_of_values = path.child("values");
    match json::text(expression, "operator") {
        "In" | "NotIn" if values == 0 => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&path_of_values, detail));
        }
        "Exists" | "DoesNotExist" if values > 0 => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&path_of_values, detail));
        }
        "Gt" | "Lt" if values != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(FieldError::required(&path_of_values, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(&path.child("operator"), other, detail));
        }
    }
}

/// Checks a label selector (`matchLabels`, `matchExpressions`) at `path`.
pub fn label_selector(selector: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    errors.extend(metadata::validate_labels(selector, "matchLabels", path));
    for (i, expression) in json::list(selector, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(i);
        let values = json::list(expression, "values");
        match json::text(expression, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(&path.child("values"), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let detail = "not a valid selector operator";
                errors.push(FieldError::invalid(&path.child("operator"), other, detail));
            }
        }
        let key = json::text(expression, "key");
        grammar(key, names::qualified_name(key), &path.child("key"), errors);
        for (j, value) in values.iter().filter_map(Value::as_str).enumerate() {
            grammar(value, names::label_value(value), &path.child("values").index(j), errors);
        }
    }
}
