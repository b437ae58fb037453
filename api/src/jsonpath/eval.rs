//! Walking a value with a parsed template.

use super::{Comparison, Node, Operand, Step};
use serde_json::Value;
use std::cmp::Ordering;

pub(super) fn nodes(nodes: &[Node], root: &Value, current: &Value, out: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Path(steps) => {
                let found: Vec<String> = path(steps, root, current).into_iter().map(text).collect();
                out.push_str(&found.join(" "));
            }
            Node::Range(steps, body) => {
                for item in path(steps, root, current) {
                    self::nodes(body, root, item, out);
                }
            }
        }
    }
}

/// Strings as they are, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".into(),
        Value::Array(_) | Value::Object(_) => escape(&value.to_string()),
        other => other.to_string(),
    }
}

/// Go's encoder escapes these everywhere; they can only stand inside strings.
pub fn escape(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text
}

pub(super) fn path<'a>(steps: &[Step], root: &'a Value, current: &'a Value) -> Vec<&'a Value> {
    let mut values = vec![current];
    for step in steps {
        values = values.into_iter().flat_map(|value| apply(step, root, value)).collect();
    }
    values
}

fn apply<'a>(step: &Step, root: &'a Value, value: &'a Value) -> Vec<&'a Value> {
    match step {
        Step::Root => vec![root],
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::Wildcard => children(value),
        Step::Descend => {
            let mut all = vec![value];
            all.extend(children(value).into_iter().flat_map(|child| apply(step, root, child)));
            all
        }
        Step::Index(index) => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let index = if *index < 0 { items.len() as i64 + index } else { *index };
            usize::try_from(index).ok().and_then(|index| items.get(index)).into_iter().collect()
        }
        Step::Slice { from, to, step } => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let length = items.len() as i64;
            let place = |index: i64| (if index < 0 { length + index } else { index }).clamp(0, length) as usize;
            let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
            let step = usize::try_from(*step).unwrap_or(1);
            items.get(from..to).unwrap_or_default().iter().step_by(step).collect()
        }
        Step::Union(steps) => steps
            .iter()
            .flat_map(|step| match step {
                Step::Filter { left: Operand::Path(steps), test: None } => path(steps, root, value),
                step => apply(step, root, value),
            })
            .collect(),
        Step::Filter { left, test } => {
            let candidates = match value {
                Value::Array(items) => items.iter().collect(),
                other => children(other),
            };
            candidates.into_iter().filter(|item| holds(left, test.as_ref(), root, item)).collect()
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn holds(left: &Operand, test: Option<&(Comparison, Operand)>, root: &Value, item: &Value) -> bool {
    let Some((comparison, right)) = test else {
        return operand(left, root, item).is_some();
    };
    let (Some(left), Some(right)) = (operand(left, root, item), operand(right, root, item)) else {
        return false;
    };
    let order = compare(left, right);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn operand<'a>(operand: &'a Operand, root: &'a Value, item: &'a Value) -> Option<&'a Value> {
    match operand {
        Operand::Literal(value) => Some(value),
        Operand::Path(steps) => path(steps, root, item).into_iter().next(),
    }
}

/// The order of two scalars of one type.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (left, right) => (left == right).then_some(Ordering::Equal),
    }
}
