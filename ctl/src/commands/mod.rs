//! One command a file: its arguments and `run`.

pub mod apply;
pub mod get;
