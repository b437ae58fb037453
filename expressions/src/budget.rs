//! What a program may cost, and why it may have no answer.

use std::fmt;

/// Why there is no answer, in the words of Kubernetes' errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// What was computed with does not fit.
    Failed(String),
    /// It would cost more than it may.
    TooCostly,
}

impl RunError {
    pub fn new(message: impl Into<String>) -> RunError {
        RunError::Failed(message.into())
    }

    pub fn no_overload() -> RunError {
        RunError::new("no such overload")
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Failed(message) => f.write_str(message),
            RunError::TooCostly => f.write_str("operation cancelled: actual cost limit exceeded"),
        }
    }
}

impl std::error::Error for RunError {}

/// How much may still be spent. A step costs one, and what goes through a text or a list costs by its length.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: u64,
}

impl Budget {
    pub fn new(units: u64) -> Budget {
        Budget { left: units }
    }

    pub fn left(&self) -> u64 {
        self.left
    }

    pub fn spend(&mut self, units: u64) -> Result<(), RunError> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(RunError::TooCostly)
            }
        }
    }
}
