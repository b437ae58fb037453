//! Where a value stands in an object ([`Path`]) and what is wrong with it ([`FieldError`]).
//!
//! Wording follows Kubernetes' `field.Error`: `spec.containers[0].image: Required value`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A path into an object: `spec.containers[0].env`, `metadata.labels[app]`.
///
/// Cheap to extend and to clone: a path is a chain of shared steps and becomes a string only when an error shows it.
#[derive(Clone, Debug)]
pub struct Path(Arc<Step>);

#[derive(Debug)]
struct Step {
    parent: Option<Path>,
    segment: Segment,
}

#[derive(Debug)]
enum Segment {
    Static(&'static str),
    Field(Box<str>),
    Index(usize),
    Key(Box<str>),
}

impl Path {
    /// A path that starts at the object's field `name`; empty for the object itself.
    pub fn new(name: &'static str) -> Path {
        Path(Arc::new(Step { parent: None, segment: Segment::Static(name) }))
    }

    fn extend(&self, segment: Segment) -> Path {
        Path(Arc::new(Step { parent: Some(self.clone()), segment }))
    }

    /// The field `name` of the object at this path.
    pub fn child(&self, name: &'static str) -> Path {
        self.extend(Segment::Static(name))
    }

    /// A field whose name is known only at run time.
    pub fn field(&self, name: &str) -> Path {
        self.extend(Segment::Field(name.into()))
    }

    /// Item `index` (from 0) of the list at this path.
    pub fn index(&self, index: usize) -> Path {
        self.extend(Segment::Index(index))
    }

    /// Entry `key` of the map at this path.
    pub fn key(&self, key: &str) -> Path {
        self.extend(Segment::Key(key.into()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = vec![];
        let mut at = Some(self);
        while let Some(path) = at {
            steps.push(&path.0.segment);
            at = path.0.parent.as_ref();
        }
        let mut first = true;
        for segment in steps.into_iter().rev() {
            match segment {
                Segment::Static("") => continue,
                Segment::Static(name) => write_field(f, name, first)?,
                Segment::Field(name) => write_field(f, name, first)?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => write!(f, "[{key}]")?,
            }
            first = false;
        }
        Ok(())
    }
}

fn write_field(f: &mut fmt::Formatter<'_>, name: &str, first: bool) -> fmt::Result {
    if !first {
        f.write_str(".")?;
    }
    f.write_str(name)
}

/// What kind of fault a [`FieldError`] reports. [`ErrorKind::reason`] is its machine-readable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    Internal,
    TypeInvalid,
}

impl ErrorKind {
    /// The `reason` of a cause in a `Status`.
    pub fn reason(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "FieldValueNotFound",
            ErrorKind::Required => "FieldValueRequired",
            ErrorKind::Duplicate => "FieldValueDuplicate",
            ErrorKind::Invalid => "FieldValueInvalid",
            ErrorKind::NotSupported => "FieldValueNotSupported",
            ErrorKind::Forbidden => "FieldValueForbidden",
            ErrorKind::TooLong => "FieldValueTooLong",
            ErrorKind::TooMany => "FieldValueTooMany",
            ErrorKind::Internal => "InternalError",
            ErrorKind::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    /// What people read.
    pub fn words(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "Not found",
            ErrorKind::Required => "Required value",
            ErrorKind::Duplicate => "Duplicate value",
            ErrorKind::Invalid | ErrorKind::TypeInvalid => "Invalid value",
            ErrorKind::NotSupported => "Unsupported value",
            ErrorKind::Forbidden => "Forbidden",
            ErrorKind::TooLong => "Too long",
            ErrorKind::TooMany => "Too many",
            ErrorKind::Internal => "Internal error",
        }
    }

    /// Whether the offending value is part of the message.
    fn shows_value(self) -> bool {
        !matches!(self, ErrorKind::Required | ErrorKind::Forbidden | ErrorKind::TooLong | ErrorKind::Internal)
    }
}

/// One fault in one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub kind: ErrorKind,
    /// The path as text.
    pub field: String,
    /// The offending value; `None` where the message does not show it.
    pub value: Option<Value>,
    /// May be empty.
    pub detail: String,
}

impl FieldError {
    fn new(kind: ErrorKind, path: &Path, value: Option<Value>, detail: impl Into<String>) -> Self {
        FieldError { kind, field: path.to_string(), value, detail: detail.into() }
    }

    pub fn required(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Required, path, None, detail)
    }

    pub fn invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, path, Some(value.into()), detail)
    }

    /// What is wrong with a field as a whole: its value is not shown.
    pub fn invalid_as_a_whole(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, path, None, detail)
    }

    pub fn type_invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::TypeInvalid, path, Some(value.into()), detail)
    }

    pub fn not_found(path: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorKind::NotFound, path, Some(value.into()), "")
    }

    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorKind::Duplicate, path, Some(value.into()), "")
    }

    /// `supported` are named in the order given.
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Self {
        let detail = if supported.is_empty() {
            String::new()
        } else {
            let quoted: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(ErrorKind::NotSupported, path, Some(value.into()), detail)
    }

    pub fn forbidden(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, path, None, detail)
    }

    /// `max` in bytes.
    pub fn too_long(path: &Path, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max} {unit}");
        Self::new(ErrorKind::TooLong, path, None, detail)
    }

    pub fn too_many(path: &Path, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        Self::new(ErrorKind::TooMany, path, Some(actual.into()), detail)
    }

    pub fn internal(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, path, None, detail)
    }

    /// The message without the field's path, as a cause in a `Status` carries it.
    pub fn body(&self) -> String {
        let mut body = self.kind.words().to_owned();
        if self.kind.shows_value() {
            match &self.value {
                None => {}
                Some(Value::Null) => body.push_str(": null"),
                Some(Value::String(text)) => body.push_str(&format!(": {}", quote(text))),
                Some(other) => body.push_str(&format!(": {other}")),
            }
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for FieldError {}

/// A string in quotes with the escapes that Kubernetes' messages use (`\n`, `\"`, `\x00`).
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_reads_as_kubernetes_writes_it() {
        let path = Path::new("spec").child("containers").index(0).child("env");
        assert_eq!(path.to_string(), "spec.containers[0].env");
        let labels = Path::new("metadata").child("labels").key("a/b");
        assert_eq!(labels.to_string(), "metadata.labels[a/b]");
        assert_eq!(Path::new("").field("spec").to_string(), "spec");
        assert_eq!(Path::new("").index(2).to_string(), "[2]");
    }

    #[test]
    fn an_error_names_field_fault_value_and_detail() {
        let path = Path::new("spec").child("x");
        let cases = [
            (FieldError::required(&path, ""), "spec.x: Required value"),
            (FieldError::required(&path, "say it"), "spec.x: Required value: say it"),
            (
                FieldError::invalid(&path, -1, "must be greater than or equal to 0"),
                "spec.x: Invalid value: -1: must be greater than or equal to 0",
            ),
            (FieldError::invalid(&path, "a\"b", "no"), "spec.x: Invalid value: \"a\\\"b\": no"),
            (FieldError::invalid(&path, json!({"a": 1}), "no"), "spec.x: Invalid value: {\"a\":1}: no"),
            (FieldError::invalid(&path, Value::Null, "no"), "spec.x: Invalid value: null: no"),
            (
                FieldError::not_supported(&path, "Z", &["A", "B"]),
                "spec.x: Unsupported value: \"Z\": supported values: \"A\", \"B\"",
            ),
            (FieldError::duplicate(&path, "a"), "spec.x: Duplicate value: \"a\""),
            (FieldError::forbidden(&path, "not now"), "spec.x: Forbidden: not now"),
            (FieldError::too_long(&path, 63), "spec.x: Too long: may not be more than 63 bytes"),
            (FieldError::too_many(&path, 9, 1), "spec.x: Too many: 9: must have at most 1 item"),
            (FieldError::not_found(&path, "data"), "spec.x: Not found: \"data\""),
            (FieldError::internal(&path, "oh"), "spec.x: Internal error: oh"),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }
}
