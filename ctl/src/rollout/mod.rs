//! What a Deployment's rollout is at, and what it was before. Pure.

pub mod history;
pub mod status;
