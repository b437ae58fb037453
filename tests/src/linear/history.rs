//! One operation on one register.

use std::fmt;

/// What a register holds; `None`: it does not exist. Each value is written at most once, so that to compare values is to
/// compare revisions.
pub type Value = Option<u64>;

/// What an operation does with the register, and so what it tells about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It was `from`, and became `to`: a create, a replacement or a deletion.
    Swap { from: Value, to: Value },
    /// It was this: a read, or a refusal because there was nothing.
    See(Value),
    /// It was not this: a refusal because of a conflict.
    Differ(Value),
}

impl Step {
    /// The register afterwards, if this can happen to one that is `current`.
    pub fn apply(self, current: Value) -> Option<Value> {
        match self {
            Step::Swap { from, to } => (from == current).then_some(to),
            Step::See(seen) => (seen == current).then_some(current),
            Step::Differ(other) => (other != current).then_some(current),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub client: usize,
    pub register: String,
    pub step: Step,
    /// When it began, on a clock that all clients share.
    pub called: u64,
    /// When it was answered. `None`: its outcome is unknown. It happened at any time since it began, or never.
    pub returned: Option<u64>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { client, step, called, .. } = self;
        match self.returned {
            Some(returned) => write!(f, "client {client}, {called}..{returned}: {step:?}"),
            None => write!(f, "client {client}, {called}..: {step:?}, perhaps"),
        }
    }
}
