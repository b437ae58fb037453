//! `x-kubernetes-validations`: rules in CEL that a schema lays down for its values.
//!
//! `compile` reads them (and says what is wrong with them), `check` holds objects against them.

mod check;
mod compile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use timonier_expressions::{Program, Type};

pub use compile::faults;

/// The rules of a whole schema.
#[derive(Debug)]
pub struct Rules(Place);

/// The rules for one value, and for what is inside.
#[derive(Debug, Default)]
struct Place {
    type_: Option<Type>,
    /// What an error calls it: `object`, `string`, …
    name: String,
    rules: Vec<Rule>,
    properties: BTreeMap<String, Place>,
    values: Option<Box<Place>>,
    items: Option<Box<Items>>,
}

#[derive(Debug)]
struct Items {
    place: Place,
    /// Of a list whose items are told apart by keys.
    keys: Option<Vec<String>>,
}

#[derive(Debug)]
struct Rule {
    program: Program,
    /// What is said when it is broken, if nothing better is.
    message: String,
    message_program: Option<Program>,
    reason: String,
    /// Which field of the value it is about.
    field: Vec<Step>,
    /// Looks at what there was before.
    transition: bool,
    /// Runs also when there was nothing before.
    optional_old: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Key(String),
}

impl Place {
    fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.properties.is_empty() && self.values.is_none() && self.items.is_none()
    }
}
