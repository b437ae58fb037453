//! What one client may take of a server, so that none is late because of another.
//!
//! Requests belong to [`PriorityLevel`]s, whose names and meaning are those of Kubernetes' API Priority and Fairness. A
//! user has a number of seats at each; who has none left waits in a short queue, and beyond that gets 429. So whoever
//! floods the server finds its own queue full, while the heartbeats of nodes and the leases of leaders have seats of their own.
//!
//! Users share [`fairness::FLOWS`] places by the hash of their name: memory is bounded, and a seat is taken with one atomic step.

mod fairness;
mod flags;
mod level;
mod watches;

pub use fairness::{Fairness, Seat};
pub use flags::Limits;
pub use level::PriorityLevel;
pub use watches::{WatchSeat, Watches};
