//! Processes and ports of pods, over connections that the API server hands through to a node.
//!
//! `connection` makes them, `session` joins a process with our streams, `terminal` is our end of a terminal, `target`
//! says which pod and container are meant.

pub mod connection;
pub mod session;
pub mod target;
pub mod terminal;
