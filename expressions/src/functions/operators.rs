//! Arithmetic, comparisons, `in` and `size`.

use std::cmp::Ordering;

use jiff::SignedDuration;

use super::called::{Called, int};
use crate::budget::RunError;
use crate::value::{Key, Value, compare};

pub fn call(name: &str, args: &[Value]) -> Called {
    Some(match (name, args) {
        ("!", [Value::Bool(value)]) => Ok(Value::Bool(!value)),
        ("-_", [Value::Int(value)]) => whole(value.checked_neg()),
        ("-_", [Value::Double(value)]) => Ok(Value::Double(-value)),
        ("==", [a, b]) => Ok(Value::Bool(a == b)),
        ("!=", [a, b]) => Ok(Value::Bool(a != b)),
        ("<", [a, b]) => ordered(a, b, |order| order == Ordering::Less),
        ("<=", [a, b]) => ordered(a, b, |order| order != Ordering::Greater),
        (">", [a, b]) => ordered(a, b, |order| order == Ordering::Greater),
        (">=", [a, b]) => ordered(a, b, |order| order != Ordering::Less),
        ("in", [item, Value::List(list)]) => Ok(Value::Bool(list.contains(item))),
        ("in", [key, Value::Map(map)]) => Ok(Value::Bool(Key::of(key).is_some_and(|key| map.contains_key(&key)))),
        ("+" | "-" | "*" | "/" | "%", [a, b]) => return arithmetic(name, a, b),
        ("size", [of]) => return size(of),
        _ => return None,
    })
}

pub fn size(of: &Value) -> Called {
    Some(Ok(int(match of {
        Value::Text(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return None,
    })))
}

fn ordered(a: &Value, b: &Value, wanted: fn(Ordering) -> bool) -> Result<Value, RunError> {
    match (a, b) {
        // Nothing is less than what is no number, nor more.
        (Value::Double(a), _) if a.is_nan() => Ok(Value::Bool(false)),
        (_, Value::Double(b)) if b.is_nan() => Ok(Value::Bool(false)),
        // Quantities are compared by methods.
        (Value::Quantity(_), _) => Err(RunError::no_overload()),
        _ => compare(a, b).map(|order| Value::Bool(wanted(order))).ok_or_else(RunError::no_overload),
    }
}

fn whole(value: Option<i64>) -> Result<Value, RunError> {
    value.map(Value::Int).ok_or_else(|| RunError::new("integer overflow"))
}

fn unsigned(value: Option<u64>) -> Result<Value, RunError> {
    value.map(Value::Uint).ok_or_else(|| RunError::new("unsigned integer overflow"))
}

fn arithmetic(name: &str, a: &Value, b: &Value) -> Called {
    let zero = |what: &str| Err(RunError::new(what.to_owned()));
    Some(match (a, b) {
        (Value::Int(a), Value::Int(b)) => match name {
            "+" => whole(a.checked_add(*b)),
            "-" => whole(a.checked_sub(*b)),
            "*" => whole(a.checked_mul(*b)),
            "/" if *b == 0 => zero("division by zero"),
            "/" => whole(a.checked_div(*b)),
            _ if *b == 0 => zero("modulus by zero"),
            _ => whole(a.checked_rem(*b)),
        },
        (Value::Uint(a), Value::Uint(b)) => match name {
            "+" => unsigned(a.checked_add(*b)),
            "-" => unsigned(a.checked_sub(*b)),
            "*" => unsigned(a.checked_mul(*b)),
            "/" if *b == 0 => zero("division by zero"),
            "/" => unsigned(a.checked_div(*b)),
            _ if *b == 0 => zero("modulus by zero"),
            _ => unsigned(a.checked_rem(*b)),
        },
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match name {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            _ => return None,
        })),
        (Value::Text(a), Value::Text(b)) if name == "+" => Ok(Value::text(format!("{a}{b}"))),
        (Value::Bytes(a), Value::Bytes(b)) if name == "+" => Ok(Value::Bytes([&a[..], &b[..]].concat().into())),
        (Value::List(a), Value::List(b)) if name == "+" => Ok(Value::list([&a[..], &b[..]].concat())),
        _ => return times(name, a, b),
    })
}

fn times(name: &str, a: &Value, b: &Value) -> Called {
    let later = |time: &jiff::Timestamp, by: SignedDuration| {
        time.checked_add(by).map(Value::Timestamp).map_err(|_| RunError::new("timestamp overflow"))
    };
    let length =
        |value: Option<SignedDuration>| value.map(Value::Duration).ok_or_else(|| RunError::new("duration overflow"));
    Some(match (name, a, b) {
        ("+", Value::Timestamp(time), Value::Duration(by)) | ("+", Value::Duration(by), Value::Timestamp(time)) => {
            later(time, *by)
        }
        ("-", Value::Timestamp(time), Value::Duration(by)) => later(time, -*by),
        ("-", Value::Timestamp(a), Value::Timestamp(b)) => length(Some(a.duration_since(*b))),
        ("+", Value::Duration(a), Value::Duration(b)) => length(a.checked_add(*b)),
        ("-", Value::Duration(a), Value::Duration(b)) => length(a.checked_sub(*b)),
        _ => return None,
    })
}
