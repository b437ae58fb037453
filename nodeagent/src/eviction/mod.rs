//! Evicting pods before the node itself runs out of memory, disk or processes.
//!
//! A look now and then: signals are read ([`Gauge`]), thresholds compared ([`watch`]), and if something must be
//! reclaimed, images go first where that helps, then one pod, the first in rank. The pod's own worker ends it.

mod dead;
mod look;
mod message;
mod rank;
mod signal;
pub mod thresholds;
mod watch;

pub use dead::DeadContainers;
pub use look::{Evictor, Settings};
pub use signal::{Observation, Observations, Pressure, Signal};
pub use thresholds::Threshold;

use futures::future::BoxFuture;

/// Where signals are read. A machine's own gauge is [`crate::stats`]; tests bring theirs.
pub trait Gauge: Send + Sync + 'static {
    fn read(&self) -> BoxFuture<'_, Observations>;
}

/// What can be thrown away before a pod must go: images that nobody uses, for instance.
pub trait Reclaim: Send + Sync + 'static {
    /// Frees what it can of what is short. Failing is no reason to stop.
    fn reclaim(&self, signal: Signal) -> BoxFuture<'_, ()>;
}
