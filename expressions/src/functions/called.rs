//! How a topic answers.

use crate::budget::RunError;
use crate::value::Value;

/// `None`: it is none of this topic's, or not with these arguments.
pub type Called = Option<Result<Value, RunError>>;

/// A length.
pub fn int(value: usize) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}
