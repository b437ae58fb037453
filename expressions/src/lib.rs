//! CEL, the expression language in which Kubernetes' rules are written: text to a checked program, and a program with values
//! to its answer.
//!
//! Reading order: `token`, `ast` and `parse` (text to tree, macros included); `types`, `signatures` and `check` (what the tree's
//! types are); `value`, `run` and `functions` (what it is). `schema` reads types and values by an OpenAPI schema. Nothing here
//! does I/O or knows a clock, and what a program may cost is bounded by its caller.

mod address;
mod ast;
mod budget;
mod check;
mod functions;
mod parse;
mod run;
mod schema;
mod signatures;
mod token;
mod types;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;

pub use budget::{Budget, RunError};
pub use run::Scope;
pub use schema::{escape, type_of, value_of};
pub use types::{ObjectType, Type};
pub use value::{Key, Value};

/// The longest expression that is read, in bytes.
pub const LONGEST: usize = 64 << 10;

/// A text that is no expression, or none that can be right: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// In characters from the beginning.
    pub at: usize,
    pub message: String,
    text: String,
}

impl CompileError {
    fn new(text: &str, fault: Fault) -> CompileError {
        CompileError { at: fault.at, message: fault.message, text: text.to_owned() }
    }
}

/// As Kubernetes shows it: the place, and the line with a mark below it.
impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before: String = self.text.chars().take(self.at).collect();
        let line = before.matches('\n').count();
        let column = before.chars().rev().take_while(|c| *c != '\n').count();
        let shown = self.text.lines().nth(line).unwrap_or("");
        write!(f, "ERROR: <input>:{}:{}: {}\n | {shown}\n | ", line + 1, column + 1, self.message)?;
        write!(f, "{}^", ".".repeat(column))
    }
}

impl std::error::Error for CompileError {}

/// The same while the text is still being read.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Fault {
        Fault { at, message: message.into() }
    }
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Program {
    tree: ast::Expr,
    type_: Type,
}

impl Program {
    /// `variables`: what the expression may name, and of which type each is.
    pub fn compile(text: &str, variables: &[(&str, Type)]) -> Result<Program, CompileError> {
        if text.len() > LONGEST {
            let fault = Fault::new(0, format!("expression is longer than {LONGEST} bytes"));
            return Err(CompileError::new("", fault));
        }
        let tree = parse::parse(text).map_err(|fault| CompileError::new(text, fault))?;
        let type_ = check::check(&tree, variables).map_err(|fault| CompileError::new(text, fault))?;
        Ok(Program { tree, type_ })
    }

    /// What the answer will be.
    pub fn type_of(&self) -> &Type {
        &self.type_
    }

    /// Whether it looks at a variable at all.
    pub fn uses(&self, variable: &str) -> bool {
        self.tree.uses(variable)
    }

    pub fn run(&self, scope: &Scope, budget: &mut Budget) -> Result<Value, RunError> {
        run::run(&self.tree, scope, budget)
    }
}
