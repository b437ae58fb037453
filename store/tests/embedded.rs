//! The store's laws, on the embedded engine.

mod suite;

use suite::place::Directory;

laws_of_every_engine!(Directory::new());
laws_of_durable_engines!(Directory::new());
