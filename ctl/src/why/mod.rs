//! Why something waits: a pod by the server's explanation, what makes pods by what kept it from making them.
//!
//! `remedy` reads what a server refused, `report` is how all of it is told, both pure; `ask` asks.

pub mod ask;
pub mod remedy;
pub mod report;
