//! Lists, also as sets.

use std::cmp::Ordering;

use super::called::{Called, int};
use super::conversions;
use crate::budget::RunError;
use crate::value::{Value, compare};

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    let [Value::List(list), rest @ ..] = args else { return None };
    if !method {
        return sets(name, list, rest);
    }
    Some(match (name, rest) {
        ("isSorted", []) => {
            let orders: Option<Vec<_>> = list.windows(2).map(|pair| compare(&pair[0], &pair[1])).collect();
            let sorted = |orders: Vec<Ordering>| orders.iter().all(|order| *order != Ordering::Greater);
            orders.map(|orders| Value::Bool(sorted(orders))).ok_or_else(RunError::no_overload)
        }
        ("sum", []) => sum(list),
        ("min", []) => extreme(list, Ordering::Less, "min"),
        ("max", []) => extreme(list, Ordering::Greater, "max"),
        ("indexOf", [item]) => Ok(list.iter().position(|known| known == item).map_or(Value::Int(-1), int)),
        ("lastIndexOf", [item]) => Ok(list.iter().rposition(|known| known == item).map_or(Value::Int(-1), int)),
        ("join", []) => joined(list, ""),
        ("join", [Value::Text(between)]) => joined(list, between),
        _ => return None,
    })
}

fn sets(name: &str, list: &[Value], rest: &[Value]) -> Called {
    let [Value::List(other)] = rest else { return None };
    Some(Ok(Value::Bool(match name {
        "sets.contains" => other.iter().all(|item| list.contains(item)),
        "sets.equivalent" => {
            other.iter().all(|item| list.contains(item)) && list.iter().all(|item| other.contains(item))
        }
        "sets.intersects" => other.iter().any(|item| list.contains(item)),
        _ => return None,
    })))
}

fn sum(list: &[Value]) -> Result<Value, RunError> {
    let mut items = list.iter();
    let Some(first) = items.next() else { return Ok(Value::Int(0)) };
    items.try_fold(first.clone(), |sum, item| {
        super::operators::call("+", &[sum, item.clone()]).unwrap_or_else(|| Err(RunError::no_overload()))
    })
}

fn extreme(list: &[Value], wanted: Ordering, name: &str) -> Result<Value, RunError> {
    let mut items = list.iter();
    let first = items.next().ok_or_else(|| RunError::new(format!("{name} called on empty list")))?;
    let mut best = first;
    for item in items {
        if compare(item, best).ok_or_else(RunError::no_overload)? == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}

fn joined(list: &[Value], between: &str) -> Result<Value, RunError> {
    let texts: Option<Vec<String>> =
        list.iter().map(|item| matches!(item, Value::Text(_)).then(|| conversions::text(item))).collect();
    texts.map(|texts| Value::text(texts.join(between))).ok_or_else(RunError::no_overload)
}
