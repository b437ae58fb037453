//! The images that this agent pulled: which, since when, last used when; and their removal when the disk fills.
//!
//! Images that somebody else brought to the daemon are nobody's to remove.

mod collect;
mod plan;
mod record;

pub use collect::run;
pub use record::Records;
