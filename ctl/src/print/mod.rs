//! Pure rendering: values in, text out. Nothing here asks a server or writes to a terminal.

pub mod age;
pub mod columns;
pub mod diff;
pub mod json;
pub mod objects;
pub mod table;
pub mod tabwriter;
pub mod yaml;

mod format;
pub use format::Format;
