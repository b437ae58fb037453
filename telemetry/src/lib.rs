//! What every program tells of itself: metrics of its process, and how metrics are written.
//!
//! It knows no kind and no HTTP; whoever serves metrics asks it for text.

mod exposition;
mod process;

pub use exposition::Exposition;
pub use process::Process;
