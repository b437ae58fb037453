//! From one type to another, optionals included.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::called::Called;
use super::{operators, times};
use crate::budget::RunError;
use crate::value::Value;

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    if method {
        return optional(name, args);
    }
    Some(match (name, args) {
        ("dyn", [value]) => Ok(value.clone()),
        ("type", [value]) => Ok(Value::Type(value.type_name())),
        ("bool", [Value::Bool(value)]) => Ok(Value::Bool(*value)),
        ("bool", [Value::Text(text)]) => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" | "T" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" | "F" => Ok(Value::Bool(false)),
            _ => failed("string", "bool"),
        },
        ("int", [value]) => {
            to_int(value).map(Value::Int).ok_or_else(|| RunError::new("integer overflow or no integer"))
        }
        ("uint", [value]) => {
            to_uint(value).map(Value::Uint).ok_or_else(|| RunError::new("unsigned integer overflow or no integer"))
        }
        ("double", [value]) => match value {
            Value::Double(value) => Ok(Value::Double(*value)),
            Value::Int(value) => Ok(Value::Double(*value as f64)),
            Value::Uint(value) => Ok(Value::Double(*value as f64)),
            Value::Text(text) => text.parse().map(Value::Double).or_else(|_| failed("string", "double")),
            _ => return None,
        },
        ("string", [Value::Bytes(bytes)]) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::text(text)),
            Err(_) => Err(RunError::new("invalid UTF-8 in bytes, cannot convert to string")),
        },
        (
            "string",
            [
                value @ (Value::Text(_)
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Uint(_)
                | Value::Double(_)
                | Value::Timestamp(_)
                | Value::Duration(_)
                | Value::Ip(_)
                | Value::Cidr(_)),
            ],
        ) => Ok(Value::text(text(value))),
        ("bytes", [Value::Bytes(bytes)]) => Ok(Value::Bytes(bytes.clone())),
        ("bytes", [Value::Text(text)]) => Ok(Value::Bytes(text.as_bytes().into())),
        ("base64.encode", [Value::Bytes(bytes)]) => Ok(Value::text(STANDARD.encode(bytes))),
        ("base64.decode", [Value::Text(text)]) => {
            let decoded = STANDARD.decode(&**text).or_else(|_| STANDARD_NO_PAD.decode(&**text));
            decoded.map(|bytes| Value::Bytes(bytes.into())).map_err(|error| RunError::new(error.to_string()))
        }
        ("optional.of", [value]) => Ok(Value::some(value.clone())),
        ("optional.ofNonZeroValue", [value]) => {
            Ok(if is_zero(value) { Value::NONE } else { Value::some(value.clone()) })
        }
        ("optional.none", []) => Ok(Value::NONE),
        _ => return None,
    })
}

fn failed(from: &str, to: &str) -> Result<Value, RunError> {
    Err(RunError::new(format!("type conversion error from '{from}' to '{to}'")))
}

fn optional(name: &str, args: &[Value]) -> Called {
    Some(match (name, args) {
        ("hasValue", [Value::Optional(inner)]) => Ok(Value::Bool(inner.is_some())),
        ("value", [Value::Optional(inner)]) => match inner {
            Some(value) => Ok(Value::clone(value)),
            None => Err(RunError::new("optional.none() dereference")),
        },
        ("or", [first @ Value::Optional(inner), second]) => Ok(if inner.is_some() { first } else { second }.clone()),
        ("orValue", [Value::Optional(inner), other]) => Ok(inner.as_deref().unwrap_or(other).clone()),
        ("size", [of]) => return operators::size(of),
        _ => return None,
    })
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Double(value) => *value == 0.0,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Duration(duration) => duration.is_zero(),
        Value::Optional(inner) => inner.is_none(),
        _ => false,
    }
}

/// The largest double of which every whole number fits.
const EDGE: f64 = 9_223_372_036_854_775_807.0;

fn to_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        Value::Uint(value) => i64::try_from(*value).ok(),
        Value::Double(value) if value.is_finite() && *value > -EDGE && *value < EDGE => Some(*value as i64),
        Value::Text(text) => text.parse().ok(),
        Value::Timestamp(time) => Some(time.as_second()),
        Value::Duration(duration) => i64::try_from(duration.as_nanos()).ok(),
        _ => None,
    }
}

fn to_uint(value: &Value) -> Option<u64> {
    match value {
        Value::Uint(value) => Some(*value),
        Value::Int(value) => u64::try_from(*value).ok(),
        Value::Double(value) if *value >= 0.0 && *value < 2.0 * EDGE => Some(*value as u64),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// A value as a text, as `string()` and `format` write it.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Timestamp(time) => time.to_string(),
        Value::Duration(duration) => times::shown(*duration),
        Value::List(list) => format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", text(&key.value()), text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Optional(None) => "optional.none()".into(),
        Value::Optional(Some(inner)) => format!("optional({})", text(inner)),
        Value::Type(name) | Value::Format(name) => (*name).into(),
        Value::Quantity(quantity) => quantity.to_string(),
        Value::Url(url) => url.to_string(),
        Value::Ip(ip) => ip.to_string(),
        Value::Cidr(cidr) => cidr.to_string(),
        Value::Failed(error) => error.to_string(),
    }
}
