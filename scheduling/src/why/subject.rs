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
        let would = match counts.feasible {
            0 => "no node would do".to_string(),
            1 => "1 node would do".to_string(),
            many => format!("{many} nodes would do"),
        };
        match answer.verdict {
            Verdict::Scheduled => match &self.node {
                Some(node) => format!("It runs on {node}; of {} nodes {would}.", counts.total),
                None => String::new(),
            },
            Verdict::Ended => "It has ended: nothing is left to be placed.".into(),
            Verdict::Gated => format!(
                "It waits behind scheduling gates: {}. Of {} nodes {would}.",
                self.gates.join(", "),
                counts.total
            ),
            Verdict::NotOurs => format!(
                "It waits for the scheduler {:?}, which is not ours. Of {} nodes {would}.",
                self.scheduler, counts.total
            ),
            Verdict::Schedulable => format!("Of {} nodes {would}: it is about to be placed.", counts.total),
            Verdict::Unschedulable => match never {
                Some(why) => format!("No node will do: {why}."),
                None if counts.total == 0 => "There are no nodes.".into(),
                None => format!("None of {} nodes will do.", counts.total),
            },
        }
    }
}
