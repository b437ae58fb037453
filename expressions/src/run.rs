//! A tree and the values of its names to a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{Each, Expr, Kind, What};
use crate::budget::{Budget, RunError};
use crate::check::TYPES;
use crate::functions;
use crate::value::{Key, Value};

/// Names and their values.
#[derive(Clone, Debug, Default)]
pub struct Scope(Vec<(String, Value)>);

impl Scope {
    pub fn with(mut self, name: &str, value: Value) -> Scope {
        self.0.push((name.to_owned(), value));
        self
    }

    pub fn set(&mut self, name: &str, value: Value) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value));
    }
}

pub fn run(tree: &Expr, scope: &Scope, budget: &mut Budget) -> Result<Value, RunError> {
    Runner { outer: &scope.0, inner: vec![], budget }.run(tree)
}

struct Runner<'a> {
    outer: &'a [(String, Value)],
    /// Names of macros.
    inner: Vec<(String, Value)>,
    budget: &'a mut Budget,
}

type Ran = Result<Value, RunError>;

impl Runner<'_> {
    fn run(&mut self, tree: &Expr) -> Ran {
        self.budget.spend(1)?;
        match &tree.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Name(name) => self.name(name),
            Kind::Select { of, field, optional } => {
                let of = self.run(of)?;
                select(&of, &Key::Text(field.as_str().into()), *optional)
            }
            Kind::Has { of, field } => {
                let of = self.run(of)?;
                has(&of, &Key::Text(field.as_str().into()))
            }
            Kind::Index { of, by, optional } => {
                let (of, by) = (self.run(of)?, self.run(by)?);
                index(&of, &by, *optional)
            }
            Kind::Call { name, method, args } => {
                let args = args.iter().map(|arg| self.run(arg)).collect::<Result<Vec<_>, _>>()?;
                functions::call(name, *method, &args, self.budget)
            }
            Kind::And(a, b) => self.logic(a, b, false),
            Kind::Or(a, b) => self.logic(a, b, true),
            Kind::Choice { condition, yes, no } => match self.run(condition)? {
                Value::Bool(true) => self.run(yes),
                Value::Bool(false) => self.run(no),
                _ => Err(RunError::no_overload()),
            },
            Kind::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (item, optional) in items {
                    list.extend(kept(self.run(item)?, *optional)?);
                }
                Ok(Value::list(list))
            }
            Kind::Map(entries) => {
                let mut map = BTreeMap::new();
                for (key, value, optional) in entries {
                    let key = Key::of(&self.run(key)?).ok_or_else(|| RunError::new("unsupported key type"))?;
                    if let Some(value) = kept(self.run(value)?, *optional)?
                        && map.insert(key, value).is_some()
                    {
                        return Err(RunError::new("Failed with repeated key"));
                    }
                }
                Ok(Value::Map(Arc::new(map)))
            }
            Kind::Struct { fields, .. } => {
                let mut map = BTreeMap::new();
                for (name, value, optional) in fields {
                    if let Some(value) = kept(self.run(value)?, *optional)? {
                        map.insert(Key::Text(name.as_str().into()), value);
                    }
                }
                Ok(Value::Map(Arc::new(map)))
            }
            Kind::Each(each) => self.each(each),
            Kind::Bind { name, value, body } => {
                let value = self.run(value)?;
                self.with([(name.clone(), value)], |inner| inner.run(body))
            }
            Kind::OptMap { of, name, body, flat } => match self.run(of)? {
                Value::Optional(None) => Ok(Value::NONE),
                Value::Optional(Some(value)) => {
                    let value = Arc::unwrap_or_clone(value);
                    let mapped = self.with([(name.clone(), value)], |inner| inner.run(body))?;
                    Ok(if *flat { mapped } else { Value::some(mapped) })
                }
                _ => Err(RunError::no_overload()),
            },
        }
    }

    fn name(&self, name: &str) -> Ran {
        let known = self.inner.iter().rev().chain(self.outer.iter().rev()).find(|(known, _)| known == name);
        match known {
            Some((_, Value::Failed(error))) => Err(RunError::clone(error)),
            Some((_, value)) => Ok(value.clone()),
            None => TYPES
                .iter()
                .find(|known| **known == name)
                .map(|name| Value::Type(name))
                .ok_or_else(|| RunError::new(format!("no such attribute(s): {name}"))),
        }
    }

    /// What decides on one side decides, whatever happens on the other.
    fn logic(&mut self, a: &Expr, b: &Expr, decides: bool) -> Ran {
        let first = self.run(a);
        if matches!(first, Ok(Value::Bool(value)) if value == decides) || first == Err(RunError::TooCostly) {
            return first;
        }
        let second = self.run(b);
        if matches!(second, Ok(Value::Bool(value)) if value == decides) {
            return second;
        }
        match (first?, second?) {
            (Value::Bool(_), Value::Bool(_)) => Ok(Value::Bool(!decides)),
            _ => Err(RunError::no_overload()),
        }
    }

    fn with<const N: usize>(&mut self, names: [(String, Value); N], inside: impl FnOnce(&mut Self) -> Ran) -> Ran {
        let before = self.inner.len();
        self.inner.extend(names);
        let ran = inside(self);
        self.inner.truncate(before);
        ran
    }

    fn each(&mut self, each: &Each) -> Ran {
        let of = self.run(&each.of)?;
        let mut answer = Answer::new(each.what);
        match &of {
            Value::List(items) => {
                for (at, item) in (0_i64..).zip(items.iter()) {
                    let ran = self.item(each, Value::Int(at), item, item);
                    if answer.take(ran, item)? {
                        break;
                    }
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries.iter() {
                    let key = key.value();
                    let ran = self.item(each, key.clone(), &key, value);
                    if answer.take(ran, &key)? {
                        break;
                    }
                }
            }
            _ => return Err(RunError::no_overload()),
        }
        answer.give()
    }

    /// One round: the filter's word, and the body if it was let through. `only`: what the name stands for when there is one.
    fn item(&mut self, each: &Each, first: Value, only: &Value, second: &Value) -> Result<Option<Value>, RunError> {
        self.budget.spend(1)?;
        let before = self.inner.len();
        match &each.second {
            None => self.inner.push((each.name.clone(), only.clone())),
            Some(name) => self.inner.extend([(each.name.clone(), first), (name.clone(), second.clone())]),
        }
        let ran = match &each.filter {
            None => self.run(&each.body).map(Some),
            Some(filter) => match self.run(filter) {
                Ok(Value::Bool(true)) => self.run(&each.body).map(Some),
                Ok(Value::Bool(false)) => Ok(None),
                Ok(_) => Err(RunError::no_overload()),
                Err(error) => Err(error),
            },
        };
        self.inner.truncate(before);
        ran
    }
}

/// What a macro has seen so far.
struct Answer {
    what: What,
    list: Vec<Value>,
    count: usize,
    /// What decides it: no later item matters.
    decided: bool,
    /// Matters unless another item decides.
    error: Option<RunError>,
}

impl Answer {
    fn new(what: What) -> Answer {
        Answer { what, list: vec![], count: 0, decided: false, error: None }
    }

    /// Takes one round; says whether it was the last.
    fn take(&mut self, ran: Result<Option<Value>, RunError>, item: &Value) -> Result<bool, RunError> {
        let ran = match ran {
            Ok(None) => return Ok(false),
            Ok(Some(ran)) => ran,
            Err(error) if error != RunError::TooCostly && matches!(self.what, What::All | What::Exists) => {
                self.error = Some(error);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if self.what == What::Map {
            self.list.push(ran);
            return Ok(false);
        }
        let Value::Bool(ran) = ran else { return Err(RunError::no_overload()) };
        match self.what {
            What::Filter if ran => self.list.push(item.clone()),
            What::ExistsOne => self.count += usize::from(ran),
            What::All => self.decided = !ran,
            What::Exists => self.decided = ran,
            What::Filter | What::Map => {}
        }
        Ok(self.decided)
    }

    fn give(self) -> Ran {
        match (self.what, self.error) {
            (What::All | What::Exists, Some(error)) if !self.decided => Err(error),
            (What::All, _) => Ok(Value::Bool(!self.decided)),
            (What::Exists, _) => Ok(Value::Bool(self.decided)),
            (What::ExistsOne, _) => Ok(Value::Bool(self.count == 1)),
            (What::Map | What::Filter, _) => Ok(Value::list(self.list)),
        }
    }
}

/// An optional item is there or not; any other is itself.
fn kept(value: Value, optional: bool) -> Result<Option<Value>, RunError> {
    match (value, optional) {
        (Value::Failed(error), _) => Err(RunError::clone(&error)),
        (value, false) => Ok(Some(value)),
        (Value::Optional(inner), true) => Ok(inner.map(Arc::unwrap_or_clone)),
        _ => Err(RunError::no_overload()),
    }
}

fn there(value: &Value) -> Ran {
    match value {
        Value::Failed(error) => Err(RunError::clone(error)),
        value => Ok(value.clone()),
    }
}

fn shown(key: &Key) -> String {
    match key {
        Key::Text(text) => text.to_string(),
        Key::Number(number) => number.to_string(),
        Key::Bool(value) => value.to_string(),
    }
}

fn select(of: &Value, key: &Key, optional: bool) -> Ran {
    match of {
        Value::Map(entries) => match (entries.get(key), optional) {
            (Some(value), false) => there(value),
            (Some(value), true) => there(value).map(Value::some),
            (None, true) => Ok(Value::NONE),
            (None, false) => Err(RunError::new(format!("no such key: {}", shown(key)))),
        },
        Value::Optional(None) => Ok(Value::NONE),
        Value::Optional(Some(inner)) => select(inner, key, true),
        Value::Failed(error) => Err(RunError::clone(error)),
        _ => Err(RunError::no_overload()),
    }
}

fn has(of: &Value, key: &Key) -> Ran {
    match of {
        Value::Map(entries) => Ok(Value::Bool(entries.contains_key(key))),
        Value::Optional(None) => Ok(Value::Bool(false)),
        Value::Optional(Some(inner)) => has(inner, key),
        _ => Err(RunError::no_overload()),
    }
}

fn index(of: &Value, by: &Value, optional: bool) -> Ran {
    match of {
        Value::List(items) => {
            let at = match by {
                Value::Int(at) => usize::try_from(*at).ok(),
                Value::Uint(at) => usize::try_from(*at).ok(),
                _ => return Err(RunError::no_overload()),
            };
            match (at.and_then(|at| items.get(at)), optional) {
                (Some(item), false) => Ok(item.clone()),
                (Some(item), true) => Ok(Value::some(item.clone())),
                (None, true) => Ok(Value::NONE),
                (None, false) => Err(RunError::new(format!("index out of bounds: {}", functions::text(by)))),
            }
        }
        Value::Map(_) => {
            let key = Key::of(by).ok_or_else(RunError::no_overload)?;
            select(of, &key, optional)
        }
        Value::Optional(None) => Ok(Value::NONE),
        Value::Optional(Some(inner)) => index(inner, by, true),
        _ => Err(RunError::no_overload()),
    }
}
