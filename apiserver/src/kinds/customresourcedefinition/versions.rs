//! What a version says beside its schema: columns, subresources, fields for selectors.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::jsonpath::Template;

use super::schema;
use crate::kinds::checks::one_of;
use crate::kinds::json;

/// Most fields that selectors may name.
const SELECTABLE_MAX: usize = 8;

pub fn version(version: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let of_schema = json::at(version, &["schema", "openAPIV3Schema"]);
    let at = path.child("schema").child("openAPIV3Schema");
    if of_schema.is_null() {
        errors.push(FieldError::required(&at, "schemas are required"));
    } else {
        schema::check(of_schema, &at, errors);
    }
    scale(json::at(version, &["subresources", "scale"]), &path.child("subresources").child("scale"), errors);
    for (i, column) in json::list(version, "additionalPrinterColumns").iter().enumerate() {
        self::column(column, &path.child("additionalPrinterColumns").index(i), errors);
    }
    selectable(version, of_schema, &path.child("selectableFields"), errors);
}

fn column(column: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    const TYPES: &[&str] = &["boolean", "date", "integer", "number", "string"];
    const FORMATS: &[&str] = &["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
    if json::text(column, "name").is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    one_of(json::text(column, "type"), TYPES, &path.child("type"), errors);
    let format = json::text(column, "format");
    if !format.is_empty() && !FORMATS.contains(&format) {
        errors.push(FieldError::not_supported(&path.child("format"), format, FORMATS));
    }
    let (at, text) = (path.child("jsonPath"), json::text(column, "jsonPath"));
    if text.is_empty() {
        errors.push(FieldError::required(&at, ""));
    } else if let Err(error) = Template::parse_relaxed(text) {
        errors.push(FieldError::invalid(&at, text, error.to_string()));
    }
}

/// The names of `.spec.replicas`; `None`: it is more than names.
pub fn simple_path(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = text.strip_prefix('.')?.split('.').map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
    };
    names.iter().all(is_name).then_some(names)
}

fn scale(scale: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if scale.is_null() {
        return;
    }
    let mut check = |field: &'static str, required: bool, roots: &[&str], detail: &str| {
        let (at, text) = (path.child(field), json::text(scale, field));
        match (text.is_empty(), simple_path(text)) {
            (true, _) if required => errors.push(FieldError::required(&at, "")),
            (true, _) => {}
            (false, Some(names)) if names.len() > 1 && roots.contains(&names[0].as_str()) => {}
            (false, _) => errors.push(FieldError::invalid(&at, text, detail)),
        }
    };
    check("specReplicasPath", true, &["spec"], "should be a json path under .spec");
    check("statusReplicasPath", true, &["status"], "should be a json path under .status");
    check("labelSelectorPath", false, &["spec", "status"], "should be a json path under either .spec or .status");
}

fn selectable(version: &Value, schema: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let fields = json::list(version, "selectableFields");
    if fields.len() > SELECTABLE_MAX {
        errors.push(FieldError::too_many(path, fields.len(), SELECTABLE_MAX));
    }
    let mut seen = vec![];
    for (i, field) in fields.iter().enumerate() {
        let (at, text) = (path.index(i).child("jsonPath"), json::text(field, "jsonPath"));
        if text.is_empty() {
            errors.push(FieldError::required(&at, ""));
            continue;
        }
        let Some(names) = simple_path(text) else {
            errors.push(FieldError::invalid(&at, text, "is an invalid path: must be a simple JSON path"));
            continue;
        };
        let found = names.iter().try_fold(schema, |schema, name| schema.get("properties")?.get(name));
        match found.map(|schema| json::text(schema, "type")) {
            _ if names[0] == "metadata" => {
                errors.push(FieldError::invalid(&at, text, "must not point to fields in metadata"));
            }
            None => {
                let detail = "is an invalid path: does not refer to a valid field";
                errors.push(FieldError::invalid(&at, text, detail));
            }
            Some("string" | "boolean" | "integer") => {}
            Some(_) => {
                let detail = "must point to a field of type string, boolean or integer. Enum string fields and strings \
                              with formats are allowed.";
                errors.push(FieldError::invalid(&at, text, detail));
            }
        }
        if seen.contains(&text) {
            errors.push(FieldError::duplicate(&at, text));
        }
        seen.push(text);
    }
}
