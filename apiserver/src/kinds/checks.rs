//! Checks of single fields that many kinds share, in Kubernetes' words.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::json;

/// A field that must hold one of `supported`.
pub fn choice(o: &Value, field: &'static str, supported: &[&str], path: &Path, errors: &mut Vec<FieldError>) {
    if json::text(o, field).is_empty() {
        errors.push(FieldError::required(&path.child(field), ""));
    } else {
        optional_choice(o, field, supported, path, errors);
    }
}

/// A field that is absent or holds one of `supported`.
pub fn optional_choice(o: &Value, field: &'static str, supported: &[&str], path: &Path, errors: &mut Vec<FieldError>) {
    let value = json::text(o, field);
    if !value.is_empty() && !supported.contains(&value) {
        errors.push(FieldError::not_supported(&path.child(field), value, supported));
    }
}

/// A text field that may not be empty. Answers whether it is there.
pub fn required_text(o: &Value, field: &'static str, path: &Path, errors: &mut Vec<FieldError>) -> bool {
    let there = !json::text(o, field).is_empty();
    if !there {
        errors.push(FieldError::required(&path.child(field), ""));
    }
    there
}

/// Fields that hold numbers, where negative ones are wrong.
pub fn not_negative(o: &Value, fields: &[&'static str], path: &Path, errors: &mut Vec<FieldError>) {
    for field in fields {
        if let Some(value) = json::int(o, field).filter(|n| *n < 0) {
            let detail = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(&path.child(field), value, detail));
        }
    }
}

/// All messages of a grammar about one value.
pub fn grammar(value: &str, found: Vec<String>, path: &Path, errors: &mut Vec<FieldError>) {
    errors.extend(found.into_iter().map(|message| FieldError::invalid(path, value, message)));
}

/// A path inside a volume: relative, and never out of it.
pub fn local_path(value: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if value.starts_with('/') {
        errors.push(FieldError::invalid(path, value, "must be a relative path"));
    }
    no_step_back(value, path, errors);
}

/// Refuses `..` as a step of a path.
pub fn no_step_back(value: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if value.split('/').any(|step| step == "..") {
        errors.push(FieldError::invalid(path, value, "must not contain '..'"));
    }
}

/// A port's number, in range.
pub fn port_number(number: i64, path: &Path, errors: &mut Vec<FieldError>) {
    for message in names::port_number(number) {
        errors.push(FieldError::invalid(path, number, message));
    }
}

/// A text that must be one of `supported`.
pub fn one_of(given: &str, supported: &[&str], path: &Path, errors: &mut Vec<FieldError>) {
    if given.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else if !supported.contains(&given) {
        errors.push(FieldError::not_supported(path, given, supported));
    }
}
