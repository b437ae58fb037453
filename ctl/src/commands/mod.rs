//! One command a file: its arguments and `run`.

pub mod apply;
pub mod down;
pub mod get;
pub mod pki;
pub mod up;
