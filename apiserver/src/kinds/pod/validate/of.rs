//! What the parts of the check share.

use timonier_api::field::FieldError;

pub type Errors = Vec<FieldError>;

/// Whose spec it is: a few rules hold for pods of their own only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Pod,
    Template,
}
