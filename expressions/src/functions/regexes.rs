//! Regular expressions: RE2's language, in time that grows with the text alone.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::Mutex;

use regex::{Regex, RegexBuilder};

use super::called::Called;
use crate::budget::RunError;
use crate::value::Value;

/// How many expressions are kept compiled.
const KEPT: usize = 256;
/// What one may take once it is compiled, in bytes.
const SIZE: usize = 1 << 20;

static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

pub fn call(name: &str, _method: bool, args: &[Value]) -> Called {
    let [Value::Text(text), Value::Text(pattern), rest @ ..] = args else { return None };
    let regex = |use_: &dyn Fn(&Regex) -> Value| compiled(pattern).map(|regex| use_(&regex));
    Some(match (name, rest) {
        ("matches", []) => regex(&|regex| Value::Bool(regex.is_match(text))),
        ("find", []) => regex(&|regex| Value::text(regex.find(text).map_or("", |found| found.as_str()))),
        ("findAll", []) => regex(&|regex| all(regex, text, usize::MAX)),
        ("findAll", [Value::Int(most)]) => {
            regex(&|regex| all(regex, text, usize::try_from(*most).unwrap_or(usize::MAX)))
        }
        _ => return None,
    })
}

fn all(regex: &Regex, text: &str, most: usize) -> Value {
    Value::list(regex.find_iter(text).take(most).map(|found| Value::text(found.as_str())).collect())
}

fn compiled(pattern: &str) -> Result<Regex, RunError> {
    let mut known = COMPILED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(regex) = known.get(pattern) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(pattern).size_limit(SIZE).build();
    let regex = regex.map_err(|_| RunError::new(format!("error parsing regexp: {pattern:?}")))?;
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}
