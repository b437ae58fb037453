//! What an expression can be.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use timonier_api::quantity::Quantity;

use crate::address::{Cidr, Url};
use crate::budget::RunError;

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    Timestamp(Timestamp),
    Duration(SignedDuration),
    List(Arc<Vec<Value>>),
    /// Maps, and objects by the names that expressions call their fields.
    Map(Arc<BTreeMap<Key, Value>>),
    Optional(Option<Arc<Value>>),
    /// The name of a type.
    Type(&'static str),
    Quantity(Quantity),
    Url(Arc<Url>),
    Ip(IpAddr),
    Cidr(Cidr),
    /// The name of a format.
    Format(&'static str),
    /// What could not be had: an error for who looks at it, and for nobody else.
    Failed(Arc<RunError>),
}

/// A key of a map. Whole numbers are the same whether they have a sign or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Bool(bool),
    Number(i128),
    Text(Arc<str>),
}

impl Key {
    pub fn of(value: &Value) -> Option<Key> {
        Some(match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Number(i128::from(*value)),
            Value::Uint(value) => Key::Number(i128::from(*value)),
            Value::Double(value) if value.fract() == 0.0 && value.abs() < 9e18 => Key::Number(*value as i128),
            Value::Text(value) => Key::Text(value.clone()),
            _ => return None,
        })
    }

    pub fn value(&self) -> Value {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Number(value) => i64::try_from(*value)
                .map_or_else(|_| Value::Uint(u64::try_from(*value).unwrap_or(u64::MAX)), Value::Int),
            Key::Text(value) => Value::Text(value.clone()),
        }
    }
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(text.as_ref().into())
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Arc::new(items))
    }

    pub fn some(value: Value) -> Value {
        Value::Optional(Some(Arc::new(value)))
    }

    pub const NONE: Value = Value::Optional(None);

    /// A map with these texts as its keys.
    pub fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
        Value::Map(Arc::new(entries.into_iter().map(|(key, value)| (Key::Text(key.into()), value)).collect()))
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::Text(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Optional(_) => "optional_type",
            Value::Type(_) => "type",
            Value::Quantity(_) => "kubernetes.Quantity",
            Value::Url(_) => "kubernetes.URL",
            Value::Ip(_) => "net.IP",
            Value::Cidr(_) => "net.CIDR",
            Value::Format(_) => "kubernetes.NamedFormat",
            Value::Failed(_) => "error",
        }
    }

    /// How much of it there is: what looking through it costs.
    pub fn weight(&self) -> u64 {
        match self {
            Value::Text(text) => text.len() as u64 / 10,
            Value::Bytes(bytes) => bytes.len() as u64 / 10,
            Value::List(items) => items.iter().map(Value::weight).sum::<u64>() + items.len() as u64,
            Value::Map(entries) => entries.values().map(Value::weight).sum::<u64>() + entries.len() as u64,
            _ => 0,
        }
    }
}

/// Numbers are equal by what they count, lists and maps by what they hold.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Optional(a), Value::Optional(b)) => a == b,
            (Value::Type(a), Value::Type(b)) | (Value::Format(a), Value::Format(b)) => a == b,
            (Value::Url(a), Value::Url(b)) => a == b,
            (Value::Ip(a), Value::Ip(b)) => a == b,
            (Value::Cidr(a), Value::Cidr(b)) => a == b,
            (a, b) => compare(a, b) == Some(Ordering::Equal),
        }
    }
}

/// The order of what has one.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    use Value::{Bool, Bytes, Double, Duration, Int, Quantity, Text, Timestamp, Uint};
    match (a, b) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Uint(a), Uint(b)) => Some(a.cmp(b)),
        (Double(a), Double(b)) => a.partial_cmp(b),
        (Int(a), Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Uint(a), Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Int(a), Double(b)) => whole_and_double(i128::from(*a), *b),
        (Uint(a), Double(b)) => whole_and_double(i128::from(*a), *b),
        (Double(a), Int(b)) => whole_and_double(i128::from(*b), *a).map(Ordering::reverse),
        (Double(a), Uint(b)) => whole_and_double(i128::from(*b), *a).map(Ordering::reverse),
        (Text(a), Text(b)) => Some(a.cmp(b)),
        (Bytes(a), Bytes(b)) => Some(a.cmp(b)),
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Timestamp(a), Timestamp(b)) => Some(a.cmp(b)),
        (Duration(a), Duration(b)) => Some(a.cmp(b)),
        (Quantity(a), Quantity(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn whole_and_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Beyond these no whole number of 64 bits is, and within them the cut is exact.
    if double >= 2e19 {
        return Some(Ordering::Less);
    }
    if double <= -2e19 {
        return Some(Ordering::Greater);
    }
    let cut = double.trunc() as i128;
    Some(whole.cmp(&cut).then_with(|| 0.0_f64.partial_cmp(&double.fract()).unwrap_or(Ordering::Equal)))
}
