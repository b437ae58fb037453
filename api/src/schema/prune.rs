//! Bringing an object into the form in which Kubernetes would hold it after decoding.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::base64;
use super::path::{At, TypeError};
use super::shape::{Schema, Shape, StringFormat};
use crate::quantity::{Quantity, QuantityError};

/// What [`Schema::prune`] had to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Paths of the fields that were removed since the schema does not know them: `spec.containers[0].foo`. The words
    /// around them are the caller's: `unknown field "spec.containers[0].foo"`.
    pub unknown: Vec<String>,
    /// Values of the wrong type. If there are any, the object must be refused.
    pub type_errors: Vec<TypeError>,
}

impl Schema {
    /// Brings `object` into the form in which Kubernetes would hold it after decoding:
    /// fields that the schema does not know are removed (and reported), all others checked for their type, `null`
    /// means unset, empty lists and maps are left out unless required, quantities and times are written their
    /// canonical way. A second call changes nothing.
    pub fn prune(&self, object: &mut Value) -> Pruned {
        let mut report = Pruned::default();
        visit(self, object, &At::root(), &mut report);
        report
    }
}

fn visit(schema: &Schema, value: &mut Value, at: &At<'_>, report: &mut Pruned) {
    match (&schema.shape, &mut *value) {
        (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) => {}
        (Shape::Object { .. }, Value::Object(members)) => object(schema, members, at, report),
        (Shape::Map { values, .. }, Value::Object(members)) => {
            let values = values.schema();
            for (key, member) in members.iter_mut() {
                element(values, member, &at.key(key), report);
            }
        }
        (Shape::List { items, .. }, Value::Array(elements)) => {
            let items = items.schema();
            for (index, item) in elements.iter_mut().enumerate() {
                element(items, item, &at.index(index), report);
            }
        }
        (Shape::String(format), Value::String(text)) => {
            if let Err(message) = string(*format, text) {
                report.type_errors.push(at.error(message));
            }
        }
        (Shape::Integer { bits }, Value::Number(number)) => {
            let fits = number.as_i64().is_some_and(|n| *bits == 64 || i32::try_from(n).is_ok());
            if !fits {
                report.type_errors.push(at.mismatch(schema, value));
            }
        }
        (Shape::Number, Value::Number(_)) | (Shape::IntOrString, Value::String(_)) => {}
        (Shape::IntOrString, Value::Number(number)) => {
            if number.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
                report.type_errors.push(at.mismatch(schema, value));
            }
        }
        (Shape::Quantity, Value::String(_) | Value::Number(_)) => {
            if let Err(message) = quantity(value) {
                report.type_errors.push(at.error(message));
            }
        }
        _ => report.type_errors.push(at.mismatch(schema, value)),
    }
}

fn object(schema: &Schema, members: &mut Map<String, Value>, at: &At<'_>, report: &mut Pruned) {
    let mut gone = Vec::new();
    let mut fields = schema.fields_in_order();
    for (name, member) in members.iter_mut() {
        let kept = match fields.find(name) {
            None => {
                report.unknown.push(at.field(name, schema).path());
                false
            }
            Some(_) if member.is_null() => false,
            Some(field) => {
                let inner = field.schema();
                visit(inner, member, &at.field(name, schema), report);
                field.required || !is_empty_collection(inner, member)
            }
        };
        if !kept {
            gone.push(name.clone());
        }
    }
    for name in gone {
        members.remove(&name);
    }
}

/// An item of a list or a value of a map: `null` there is the type's zero value, for there is no field to leave out.
fn element(schema: &Schema, value: &mut Value, at: &At<'_>, report: &mut Pruned) {
    if value.is_null() {
        *value = match &schema.shape {
            Shape::Any => return,
            Shape::Object { .. } | Shape::Map { .. } => Value::Object(Map::new()),
            Shape::List { .. } => Value::Array(Vec::new()),
            Shape::String(StringFormat::Plain | StringFormat::Byte) => Value::String(String::new()),
            Shape::Integer { .. } | Shape::Number | Shape::IntOrString => Value::from(0),
            Shape::Boolean => Value::Bool(false),
            Shape::Quantity => Value::String("0".into()),
            Shape::String(StringFormat::Time | StringFormat::MicroTime) => return,
        };
    }
    visit(schema, value, at, report);
}

fn is_empty_collection(schema: &Schema, value: &Value) -> bool {
    match (&schema.shape, value) {
        (Shape::List { .. }, Value::Array(items)) => items.is_empty(),
        (Shape::Map { .. }, Value::Object(members)) => members.is_empty(),
        _ => false,
    }
}

fn string(format: StringFormat, text: &mut String) -> Result<(), String> {
    match format {
        StringFormat::Plain => Ok(()),
        StringFormat::Byte => {
            base64::check(text).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
            text.retain(|c| c != '\n' && c != '\r');
            Ok(())
        }
        StringFormat::Time => time(text, "%Y-%m-%dT%H:%M:%SZ", "2006-01-02T15:04:05Z07:00"),
        StringFormat::MicroTime => time(text, "%Y-%m-%dT%H:%M:%S.%6fZ", "2006-01-02T15:04:05.000000Z07:00"),
    }
}

fn time(text: &mut String, canonical: &str, layout: &str) -> Result<(), String> {
    let fault = |text: &str| format!("parsing time {text:?} as {layout:?}: not a time of RFC 3339");
    // jiff reads more than RFC 3339, a space between date and time for instance.
    if text.as_bytes().get(10) != Some(&b'T') {
        return Err(fault(text));
    }
    let parsed: Timestamp = text.parse().map_err(|_| fault(text))?;
    *text = parsed.strftime(canonical).to_string();
    Ok(())
}

fn quantity(value: &mut Value) -> Result<(), String> {
    let text = match &*value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let parsed: Quantity = text.parse().map_err(|error: QuantityError| error.to_string())?;
    let canonical = parsed.to_string();
    if value.as_str() != Some(&canonical) {
        *value = Value::String(canonical);
    }
    Ok(())
}
