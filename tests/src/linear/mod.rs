//! Is there one order of all operations that explains what was answered, in which none comes before one that had ended when it
//! began? That is linearizability (Herlihy and Wing). Nothing here does I/O.
//!
//! - [`history`]: what clients did and were told, operation by operation
//! - [`search`]: looks for such an order, register by register, as Wing and Gong did, with Lowe's memory of what was tried
//! - [`stamps`]: the same question about revisions, of which there is one counter for all registers

pub mod history;
pub mod search;
pub mod stamps;

pub use history::{Operation, Step, Value};
pub use search::{Violation, check};
pub use stamps::Stamp;

#[cfg(test)]
mod planted;
