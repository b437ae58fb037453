//! The pod that is asked about, and where it stands.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::document::{Explanation, Verdict};
use crate::QuantityError;
use crate::pod::Pod;

/// A pod with what decides whether it is the scheduler's at all.
#[derive(Debug, Clone)]
pub struct Subject {
    pub pod: Arc<Pod>,
    /// `spec.nodeName`.
    pub node: Option<String>,
    pub gates: Vec<String>,
    /// Of `spec.schedulerName`.
    pub scheduler: String,
    pub ours: bool,
    pub ended: bool,
}

impl Subject {
    /// `scheduler_names` are those of our own profiles.
    pub fn of(pod: &core::Pod, ours: impl Fn(&str) -> bool) -> Result<Subject, QuantityError> {
        let spec = pod.spec.as_ref();
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let node = spec.and_then(|spec| spec.node_name.clone()).filter(|node| !node.is_empty());
        let scheduler = spec.and_then(|spec| spec.scheduler_name.clone()).unwrap_or_default();
        // One that has its node is asked about as if it had none: the filter of its name would refuse all others.
        Ok(Subject {
            pod: Arc::new(Pod { node_name: None, ..Pod::parse(pod)? }),
            gates: spec
                .iter()
                .flat_map(|spec| spec.scheduling_gates.iter().flatten())
                .map(|g| g.name.clone())
                .collect(),
            ours: scheduler.is_empty() || ours(&scheduler),
            ended: matches!(phase, Some("Succeeded" | "Failed"))
                || (node.is_none() && pod.metadata.deletion_timestamp.is_some()),
            node,
            scheduler,
        })
    }

    /// Before the nodes are looked at.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Subject { ended: true, .. } => Verdict::Ended,
            Subject { node: Some(_), .. } => Verdict::Scheduled,
            Subject { gates, .. } if !gates.is_empty() => Verdict::Gated,
            Subject { ours: false, .. } => Verdict::NotOurs,
            _ => Verdict::Schedulable,
        }
    }

    /// What there is to say in one sentence; `never` is why no node would do, whichever it is.
    pub(super) fn sentence(&self, answer: &Explanation, never: Option<&str>) -> String {
        let counts = answer.nodes;
        let would = match (counts.total, counts.feasible) {
            (0, _) => "there are no nodes".to_string(),
            (1, 0) => "the only node will not do".to_string(),
            (1, _) => "the only node would do".to_string(),
            (all, 0) => format!("none of {all} nodes will do"),
            (all, some) => format!("{some} of {all} nodes would do"),
        };
        match answer.verdict {
            Verdict::Scheduled => match &self.node {
                Some(node) => format!("It was given {node}; {would}."),
                None => String::new(),
            },
            Verdict::Ended => "Nothing is left to be placed.".into(),
            Verdict::Gated => format!("It has scheduling gates: {}. Without them, {would}.", self.gates.join(", ")),
            Verdict::NotOurs => {
                format!("It waits for the scheduler {:?}, which is not ours; of our nodes, {would}.", self.scheduler)
            }
            Verdict::Schedulable => format!("It is about to be placed: {would}."),
            Verdict::Unschedulable => match never {
                Some(why) => format!("No node will do: {why}."),
                None => {
                    let mut would = would;
                    would[..1].make_ascii_uppercase();
                    format!("{would}.")
                }
            },
        }
    }
}
