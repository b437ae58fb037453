//! Emptying a node: which of its pods may go ([`filter`]), and making them go ([`evict`]).

pub mod evict;
pub mod filter;
