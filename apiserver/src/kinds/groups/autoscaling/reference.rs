//! References to what is scaled, or measured.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::kind::split_api_version;
use timonier_api::names;

use crate::kinds::checks::grammar;
use crate::kinds::json;

/// A reference to an object of some version.
pub fn reference(target: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for field in ["kind", "name"] {
        let value = json::text(target, field);
        if value.is_empty() {
            errors.push(FieldError::required(&path.child(field), ""));
        } else {
            grammar(value, names::path_segment(value), &path.child(field), errors);
        }
    }
    let version = json::text(target, "apiVersion");
    if !version.is_empty() && split_api_version(version).is_none() {
        let detail = format!("unexpected GroupVersion string: {version}");
        errors.push(FieldError::invalid(&path.child("apiVersion"), version, detail));
    }
}
