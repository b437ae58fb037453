//! `kctl`, the command line of Timonier: says to the API server what kubectl would say and prints what it would print.
//!
//! Invariants:
//! - Rendering (`print`, `describe`, `rollout`) is pure: values in, text out. Commands ask the server and write.
//! - Objects are JSON values; nothing here decodes into typed structs, so unknown fields survive.
//! - Standard output carries what was asked for, standard error everything else; a closed pipe ends a command quietly.
//!
//! Reading order: `cli` (the command line), `connect` (which cluster), `cluster` (requests, what the server serves,
//! which objects are meant), then one file a command under `commands`.

mod backup;
pub mod cli;
mod cluster;
mod commands;
mod connect;
mod describe;
mod drain;
mod error;
mod flags;
mod join;
mod local;
mod manifest;
mod output;
mod pki;
mod print;
mod remote;
mod rollout;
mod select;
mod taints;
mod why;

pub use error::Error;
