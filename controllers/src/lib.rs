//! The controllers: each watches, plans and writes through the API, and talks to no other.
//!
//! Invariants:
//! - A reconcile is given a key and never an event; `plan.rs` of each folder is pure.
//! - Views are slim and read-only: controllers patch, they never send an object back.
//! - Each range of state has one writer: controllers create and delete pods, the scheduler alone binds them.

mod config;
pub mod scheduler;

pub use config::{Config, Error, LeaderElection};

use tokio_util::sync::CancellationToken;

/// Runs the chosen controllers until `shutdown`; with leader election, only while leader.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    config.chosen()?;
    shutdown.cancelled().await;
    Ok(())
}
