//! Where a pod may run, and why not elsewhere.
//!
//! Pure: no I/O, no clock, no async. Callers keep a [`Cluster`] up to date from their watches and
//! ask a [`Scheduler`] for a decision; the answer is a node, or an [`Explanation`] that counts the reasons
//! of all nodes. The rules, names and words are those of Kubernetes 1.36's scheduler.
//!
//! Invariants:
//! * every change of a [`Cluster`] costs the same whatever its size, and is undone exactly by its
//!   opposite;
//! * a decision never overcommits a node: what a pod requests fits beside what is there;
//! * the same seed and the same sequence of calls give the same decisions.
//!
//! Reading order: [`resource`] and [`host_port`] (what is counted), [`selector`] and [`taint`] (what
//! is matched), [`relations`] (rules about other pods), [`pod`], [`node`], [`zones`], [`census`] (who is where),
//! [`cluster`] (the snapshot), [`site`] (a node as a pod would find it),
//! [`profile`] and [`configuration`] (which rules), [`filter`] and [`score`] (one rule a file), [`pipeline`] (the decision), [`standing`] (what holds for the next pod too), [`preemption`] (making room), [`explanation`] (its words),
//! [`inquiry`] (everything that could be said).

pub mod budget;
pub mod census;
pub mod change;
pub mod cluster;
pub mod configuration;
pub mod explanation;
pub mod filter;
pub mod host_port;
pub mod inquiry;
mod journal;
pub mod node;
mod panel;
pub mod pipeline;
pub mod pod;
mod pod_claim;
pub mod preemption;
pub mod profile;
pub mod relations;
pub mod resource;
mod sayings;
pub mod score;
pub mod selector;
pub mod site;
pub mod stage;
mod standing;
pub mod taint;
pub mod templates;
pub mod volume;
pub mod volume_limits;
pub mod why;
pub mod zones;

pub use change::Change;
pub use cluster::Cluster;
pub use configuration::Profiles;
pub use explanation::{Explanation, Reason};
pub use inquiry::Inquiry;
pub use node::Node;
pub use pipeline::{Decision, Scheduler, Unschedulable};
pub use pod::Pod;
pub use profile::Profile;
pub use resource::Resources;
pub use stage::{DECIDED_AT, Stage};
pub use taint::{Effect, Toleration};

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod laws_between_pods;

use std::fmt;

/// A quantity in a pod or a node that is not a number this crate can count with. The API server
/// refuses such objects, so meeting one means that it was bypassed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct QuantityError {
    /// Where it stands, as in `spec.containers[0].resources.requests[cpu]`.
    pub field: String,
    /// The value and what is wrong with it.
    pub detail: String,
}

impl QuantityError {
    fn new(field: impl fmt::Display, detail: impl fmt::Display) -> Self {
        QuantityError { field: field.to_string(), detail: detail.to_string() }
    }
}
