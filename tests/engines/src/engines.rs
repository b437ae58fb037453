//! The engines, each as durable as it can be and otherwise as it comes.

pub mod append;
pub mod fjall;
pub mod lmdb;
pub mod redb;
pub mod sqlite;
pub mod timonier;
