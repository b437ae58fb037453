//! Label and field selectors: which objects a list, a watch or a controller means.

use thiserror::Error;

use crate::field::quote;

mod field;
mod label;
mod label_text;

pub use field::{FieldRequirement, FieldSelector};
pub use label::{LabelSelector, Operator, Requirement};

/// Why a text or a typed selector is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectorError {
    #[error("found '{found}', expected: {expected}")]
    Syntax { found: String, expected: &'static str },
    #[error("key: Invalid value: {}: {message}", quote(.key))]
    Key { key: String, message: String },
    #[error("values[{index}][{key}]: Invalid value: {}: {message}", quote(.value))]
    Value { index: usize, key: String, value: String, message: String },
    #[error("for 'in', 'notin' operators, values set can't be empty")]
    NoValues,
    #[error("values set must be empty for exists and does not exist")]
    ValuesOfExists,
    #[error("{} is not a valid label selector operator", quote(.0))]
    Operator(String),
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Field { selector: String, term: String },
}

#[cfg(test)]
mod tests;
