//! The type of each part of an expression, and what cannot be.

use std::sync::Arc;

use crate::Fault;
use crate::ast::{Each, Expr, Kind, What};
use crate::signatures;
use crate::types::Type;
use crate::value::Value;

pub fn check(tree: &Expr, variables: &[(&str, Type)]) -> Result<Type, Fault> {
    let scope = variables.iter().map(|(name, type_)| ((*name).to_owned(), type_.clone())).collect();
    Checker { scope }.check(tree)
}

/// Names of types, which are values, too.
pub const TYPES: [&str; 11] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "dyn"];

struct Checker {
    scope: Vec<(String, Type)>,
}

type Checked = Result<Type, Fault>;

impl Checker {
    fn check(&mut self, tree: &Expr) -> Checked {
        match &tree.kind {
            Kind::Literal(value) => Ok(of_literal(value)),
            Kind::Name(name) => self.name(tree.at, name),
            Kind::Select { of, field, optional } => {
                let of = self.check(of)?;
                let (of, was_optional) = plain(of);
                let found = select(tree.at, &of, field)?;
                Ok(if *optional || was_optional { optional_of(found) } else { found })
            }
            Kind::Has { of, field } => {
                let (of, _) = plain(self.check(of)?);
                select(tree.at, &of, field)?;
                Ok(Type::Bool)
            }
            Kind::Index { of, by, optional } => {
                let (of, was_optional) = plain(self.check(of)?);
                let by = self.check(by)?;
                let found = index(tree.at, &of, &by)?;
                Ok(if *optional || was_optional { optional_of(found) } else { found })
            }
            Kind::Call { name, method, args } => {
                let args = args.iter().map(|arg| self.argument(name, arg)).collect::<Result<Vec<_>, _>>()?;
                self.call(tree.at, name, *method, &args)
            }
            Kind::And(a, b) | Kind::Or(a, b) => {
                let name = if matches!(tree.kind, Kind::And(..)) { "&&" } else { "||" };
                let (a, b) = (self.check(a)?, self.check(b)?);
                let fit = [&a, &b].iter().all(|type_| matches!(type_, Type::Bool | Type::Dyn));
                if fit { Ok(Type::Bool) } else { Err(no_overload(tree.at, name, false, &[a, b])) }
            }
            Kind::Choice { condition, yes, no } => {
                let condition = self.check(condition)?;
                let (yes, no) = (self.check(yes)?, self.check(no)?);
                match yes.join(&no) {
                    Some(joined) if matches!(condition, Type::Bool | Type::Dyn) => Ok(joined),
                    _ => Err(no_overload(tree.at, "?:", false, &[condition, yes, no])),
                }
            }
            Kind::List(items) => {
                let mut of: Option<Type> = None;
                for (item, optional) in items {
                    let type_ = self.check(item)?;
                    let type_ = if *optional { plain(type_).0 } else { type_ };
                    of = Some(same(item.at, of, type_)?);
                }
                Ok(Type::list(of.unwrap_or(Type::Dyn)))
            }
            Kind::Map(entries) => {
                let (mut keys, mut values) = (None, None);
                for (key, value, optional) in entries {
                    let type_ = self.check(key)?;
                    keys = Some(same(key.at, keys, type_)?);
                    let type_ = self.check(value)?;
                    let type_ = if *optional { plain(type_).0 } else { type_ };
                    values = Some(same(value.at, values, type_)?);
                }
                Ok(Type::map(keys.unwrap_or(Type::Dyn), values.unwrap_or(Type::Dyn)))
            }
            Kind::Struct { name, fields } => {
                if name != "Object" && !name.starts_with("Object.") && name != "JSONPatch" {
                    return Err(Fault::new(tree.at, format!("undeclared reference to '{name}' (in container '')")));
                }
                for (_, value, _) in fields {
                    self.check(value)?;
                }
                Ok(Type::Dyn)
            }
            Kind::Each(each) => self.each(tree.at, each),
            Kind::Bind { name, value, body } => {
                let value = self.check(value)?;
                self.with(vec![(name.clone(), value)], |inner| inner.check(body))
            }
            Kind::OptMap { of, name, body, flat } => {
                let of = self.check(of)?;
                let inner = match &of {
                    Type::Optional(inner) => Type::clone(inner),
                    Type::Dyn => Type::Dyn,
                    _ => return Err(no_overload(tree.at, if *flat { "optFlatMap" } else { "optMap" }, true, &[of])),
                };
                let body = self.with(vec![(name.clone(), inner)], |inner| inner.check(body))?;
                Ok(if *flat { body } else { Type::optional(body) })
            }
        }
    }

    /// What is written into a text may be of any type each.
    fn argument(&mut self, function: &str, argument: &Expr) -> Checked {
        match &argument.kind {
            Kind::List(items) if function == "format" => {
                items.iter().try_for_each(|(item, _)| self.check(item).map(drop))?;
                Ok(Type::list(Type::Dyn))
            }
            _ => self.check(argument),
        }
    }

    fn name(&self, at: usize, name: &str) -> Checked {
        if let Some((_, type_)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(type_.clone());
        }
        if TYPES.contains(&name) {
            return Ok(Type::Type);
        }
        Err(Fault::new(at, format!("undeclared reference to '{name}' (in container '')")))
    }

    fn call(&self, at: usize, name: &str, method: bool, args: &[Type]) -> Checked {
        if let Some(gives) = signatures::resolve(name, method, args) {
            return Ok(gives);
        }
        let full = if method { format!(".{name}") } else { name.to_owned() };
        if signatures::is_function(&full) {
            return Err(no_overload(at, name, method, args));
        }
        Err(Fault::new(at, format!("undeclared reference to '{name}' (in container '')")))
    }

    fn with(&mut self, names: Vec<(String, Type)>, inside: impl FnOnce(&mut Checker) -> Checked) -> Checked {
        let before = self.scope.len();
        self.scope.extend(names);
        let checked = inside(self);
        self.scope.truncate(before);
        checked
    }

    fn each(&mut self, at: usize, each: &Each) -> Checked {
        let of = self.check(&each.of)?;
        let (item, names) = match (&of, &each.second) {
            (Type::List(of), None) => (Type::clone(of), vec![(each.name.clone(), Type::clone(of))]),
            (Type::Map(key, _), None) => (Type::clone(key), vec![(each.name.clone(), Type::clone(key))]),
            (Type::List(of), Some(second)) => {
                (Type::clone(of), vec![(each.name.clone(), Type::Int), (second.clone(), Type::clone(of))])
            }
            (Type::Map(key, value), Some(second)) => {
                (Type::clone(key), vec![(each.name.clone(), Type::clone(key)), (second.clone(), Type::clone(value))])
            }
            (Type::Dyn, _) => {
                let names = std::iter::once(&each.name).chain(&each.second);
                (Type::Dyn, names.map(|name| (name.clone(), Type::Dyn)).collect())
            }
            _ => {
                let message = format!(
                    "expression of type '{of}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return Err(Fault::new(each.of.at, message));
            }
        };
        let (filter, body) = (each.filter.as_ref(), &each.body);
        let mut filter_type = None;
        let body = self.with(names, |inner| {
            filter_type = filter.map(|filter| inner.check(filter)).transpose()?;
            inner.check(body)
        })?;
        let bool_ = |type_: &Type| matches!(type_, Type::Bool | Type::Dyn);
        if let Some(type_) = filter_type.filter(|type_| !bool_(type_)) {
            return Err(no_overload(at, "?:", false, &[type_]));
        }
        match each.what {
            What::Map => Ok(Type::list(body)),
            _ if !bool_(&body) => Err(Fault::new(each.body.at, format!("expected type 'bool' but found '{body}'"))),
            What::Filter => Ok(match of {
                Type::List(_) => of,
                _ => Type::list(item),
            }),
            What::All | What::Exists | What::ExistsOne => Ok(Type::Bool),
        }
    }
}

fn of_literal(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::Text(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        _ => Type::Dyn,
    }
}

/// What is selected from: an optional gives what is inside, as an optional.
fn plain(of: Type) -> (Type, bool) {
    match of {
        Type::Optional(inner) => (Arc::unwrap_or_clone(inner), true),
        other => (other, false),
    }
}

fn optional_of(type_: Type) -> Type {
    if matches!(type_, Type::Optional(_)) { type_ } else { Type::optional(type_) }
}

fn select(at: usize, of: &Type, field: &str) -> Checked {
    match of {
        Type::Object(object) => {
            object.fields.get(field).cloned().ok_or_else(|| Fault::new(at, format!("undefined field '{field}'")))
        }
        Type::Map(_, value) => Ok(Type::clone(value)),
        Type::Dyn => Ok(Type::Dyn),
        other => Err(Fault::new(at, format!("type '{other}' does not support field selection"))),
    }
}

fn index(at: usize, of: &Type, by: &Type) -> Checked {
    match (of, by) {
        (Type::Dyn, _) => Ok(Type::Dyn),
        (Type::List(of), Type::Int | Type::Dyn) => Ok(Type::clone(of)),
        (Type::Map(key, value), by) if key.join(by).is_some() => Ok(Type::clone(value)),
        _ => Err(no_overload(at, "[]", false, &[of.clone(), by.clone()])),
    }
}

/// Items of one literal are of one type.
fn same(at: usize, known: Option<Type>, type_: Type) -> Checked {
    match known {
        None => Ok(type_),
        Some(known) => {
            known.join(&type_).ok_or_else(|| Fault::new(at, format!("expected type '{known}' but found '{type_}'")))
        }
    }
}

fn no_overload(at: usize, name: &str, method: bool, args: &[Type]) -> Fault {
    let operator = match name {
        "-_" => "-_".to_owned(),
        "!" => "!_".to_owned(),
        "in" => "@in".to_owned(),
        "?:" => "_?_:_".to_owned(),
        "[]" => "_[_]".to_owned(),
        name if name.starts_with(|c: char| c.is_alphabetic()) => name.to_owned(),
        name => format!("_{name}_"),
    };
    let words = |types: &[Type]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let shown = match args {
        [target, rest @ ..] if method => format!("{target}.({})", words(rest)),
        args => format!("({})", words(args)),
    };
    Fault::new(at, format!("found no matching overload for '{operator}' applied to '{shown}'"))
}
