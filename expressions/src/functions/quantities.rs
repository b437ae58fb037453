//! Kubernetes' quantities.

use std::cmp::Ordering;

use timonier_api::quantity::Quantity;

use super::called::Called;
use crate::budget::RunError;
use crate::value::Value;

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    if !method {
        let [Value::Text(text)] = args else { return None };
        let parsed = text.parse::<Quantity>();
        return Some(match name {
            "quantity" => parsed.map(Value::Quantity).map_err(|error| RunError::new(error.to_string())),
            "isQuantity" => Ok(Value::Bool(parsed.is_ok())),
            _ => return None,
        });
    }
    let [Value::Quantity(of), rest @ ..] = args else { return None };
    let other = match rest {
        [] => None,
        [Value::Quantity(other)] => Some(*other),
        [Value::Int(other)] if matches!(name, "add" | "sub") => Some(Quantity::from_value(*other)),
        _ => return None,
    };
    Some(match (name, other) {
        ("isInteger", None) => Ok(Value::Bool(of.is_integer())),
        ("asInteger", None) if of.is_integer() => Ok(Value::Int(of.value())),
        ("asInteger", None) => Err(RunError::new("cannot convert value to integer")),
        ("asApproximateFloat", None) => Ok(Value::Double(of.as_f64())),
        ("sign", None) => Ok(Value::Int(sign(of.cmp(&Quantity::ZERO)))),
        ("add", Some(other)) => Ok(Value::Quantity(*of + other)),
        ("sub", Some(other)) => Ok(Value::Quantity(*of - other)),
        ("compareTo", Some(other)) => Ok(Value::Int(sign(of.cmp(&other)))),
        ("isLessThan", Some(other)) => Ok(Value::Bool(*of < other)),
        ("isGreaterThan", Some(other)) => Ok(Value::Bool(*of > other)),
        _ => return None,
    })
}

fn sign(order: Ordering) -> i64 {
    match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}
