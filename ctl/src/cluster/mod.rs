//! Talking to the API server: requests, what it serves, and the objects that a command line selects.

pub mod catalog;
mod discovery;
pub mod objects;
pub mod past;
mod session;
pub mod until;
pub mod watch;

pub use catalog::{Catalog, Resource};
pub use session::{Call, Namespace, Session, encode};
