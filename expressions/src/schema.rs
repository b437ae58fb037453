//! Types and values by an OpenAPI schema, as rules of custom resources see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::budget::RunError;
use crate::functions;
use crate::parse::RESERVED;
use crate::types::Type;
use crate::value::{Key, Value};

/// The name by which an expression calls a field; `None`: it cannot be called.
pub fn escape(name: &str) -> Option<String> {
    let first = name.chars().next()?;
    if !(first.is_ascii_alphabetic() || first == '_') {
        return None;
    }
    if RESERVED.contains(&name) || name == "null" {
        return Some(format!("__{name}__"));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)) {
        return None;
    }
    let name = name.replace("__", "__underscores__");
    Some(name.replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__"))
}

/// The type of what a structural schema describes. `whole`: an object with `apiVersion`, `kind` and `metadata`, of which names
/// alone are seen.
pub fn type_of(schema: &Json, whole: bool) -> Type {
    let flag = |mark: &str| schema[mark] == true;
    if flag("x-kubernetes-int-or-string") {
        return Type::Dyn;
    }
    match schema["type"].as_str().unwrap_or("") {
        "array" => Type::list(type_of(&schema["items"], false)),
        "object" if schema["additionalProperties"].is_object() => {
            Type::map(Type::String, type_of(&schema["additionalProperties"], false))
        }
        "object" if schema["additionalProperties"] == true => Type::map(Type::String, Type::Dyn),
        "object" => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let mut fields: BTreeMap<String, Type> =
                properties.filter_map(|(name, schema)| Some((escape(name)?, type_of(schema, false)))).collect();
            if whole || flag("x-kubernetes-embedded-resource") {
                let names = ["name", "generateName"].map(|name| (name.to_owned(), Type::String));
                fields.insert("metadata".into(), Type::object("object", names));
                fields.insert("apiVersion".into(), Type::String);
                fields.insert("kind".into(), Type::String);
            }
            Type::object("object", fields)
        }
        "string" => match schema["format"].as_str().unwrap_or("") {
            "byte" => Type::Bytes,
            "duration" => Type::Duration,
            "date" | "date-time" => Type::Timestamp,
            _ => Type::String,
        },
        "boolean" => Type::Bool,
        "number" => Type::Double,
        "integer" => Type::Int,
        _ => Type::Dyn,
    }
}

/// A JSON value as one of that type; where it is none, it is what it looks like.
pub fn value_of(json: &Json, type_: &Type) -> Value {
    match (json, type_) {
        (Json::Array(items), Type::List(of)) => Value::list(items.iter().map(|item| value_of(item, of)).collect()),
        (Json::Array(items), _) => Value::list(items.iter().map(|item| value_of(item, &Type::Dyn)).collect()),
        (Json::Object(members), Type::Object(object)) => {
            let fields = members.iter().filter_map(|(name, member)| {
                let name = escape(name)?;
                let value = value_of(member, object.fields.get(&name)?);
                Some((Key::Text(name.into()), value))
            });
            Value::Map(Arc::new(fields.collect()))
        }
        (Json::Object(members), type_) => {
            let of = if let Type::Map(_, value) = type_ { value } else { &Type::Dyn };
            let entries = members.iter().map(|(key, member)| (Key::Text(key.as_str().into()), value_of(member, of)));
            Value::Map(Arc::new(entries.collect()))
        }
        (Json::String(text), Type::Bytes) => match STANDARD.decode(text) {
            Ok(bytes) => Value::Bytes(bytes.into()),
            Err(error) => failed(error),
        },
        (Json::String(text), Type::Duration) => {
            functions::parse_duration(text).map_or_else(|| failed("invalid duration"), Value::Duration)
        }
        (Json::String(text), Type::Timestamp) => time(text),
        (Json::String(text), _) => Value::text(text),
        (Json::Number(number), Type::Double) => number.as_f64().map_or(Value::Null, Value::Double),
        (Json::Number(number), _) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::Int(value),
            (None, Some(value)) => Value::Uint(value),
            _ => number.as_f64().map_or(Value::Null, Value::Double),
        },
        (Json::Bool(value), _) => Value::Bool(*value),
        (Json::Null, _) => Value::Null,
    }
}

fn failed(error: impl ToString) -> Value {
    Value::Failed(Arc::new(RunError::new(error.to_string())))
}

fn time(text: &str) -> Value {
    if let Ok(time) = text.parse() {
        return Value::Timestamp(time);
    }
    let day = text.parse::<jiff::civil::Date>().and_then(|day| day.to_zoned(TimeZone::UTC));
    day.map_or_else(failed, |day| Value::Timestamp(day.timestamp()))
}
