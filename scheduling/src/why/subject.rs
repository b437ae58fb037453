//! The pod that is asked about, and where it stands.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::document::{Explanation, Step, Verdict};
use super::words::capitalized;
use crate::QuantityError;
use crate::configuration::Profiles;
use crate::pod::{DEFAULT_SCHEDULER, Pod};

/// A pod with what decides whether it is the scheduler's at all.
#[derive(Debug, Clone)]
pub struct Subject {
    pub pod: Arc<Pod>,
    /// `spec.nodeName`.
    pub node: Option<String>,
    pub gates: Vec<String>,
    /// Every `spec.schedulerName` that our scheduler serves.
    pub served: Vec<Arc<str>>,
    pub ended: bool,
}

impl Subject {
    pub fn of(pod: &core::Pod, profiles: &Profiles) -> Result<Subject, QuantityError> {
        let spec = pod.spec.as_ref();
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let node = spec.and_then(|spec| spec.node_name.clone()).filter(|node| !node.is_empty());
        // One that has its node is asked about as if it had none: the filter of its name would refuse all others.
        Ok(Subject {
            pod: Arc::new(Pod { node_name: None, ..Pod::parse(pod)? }),
            gates: spec
                .iter()
                .flat_map(|spec| spec.scheduling_gates.iter().flatten())
                .map(|g| g.name.clone())
                .collect(),
            served: profiles.names().cloned().collect(),
            ended: matches!(phase, Some("Succeeded" | "Failed"))
                || (node.is_none() && pod.metadata.deletion_timestamp.is_some()),
            node,
        })
    }

    fn is_ours(&self) -> bool {
        self.served.contains(&self.pod.scheduler)
    }

    /// What has to be done before any node is looked at for it.
    pub(super) fn first_steps(&self) -> Vec<Step> {
        let gates = self.gates.iter().map(|gate| Step::RemoveGate { gate: gate.clone() });
        let ours = (!self.is_ours()).then(|| Step::UseScheduler { name: DEFAULT_SCHEDULER.into() });
        gates.chain(ours).collect()
    }

    /// Before the nodes are looked at.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Subject { ended: true, .. } => Verdict::Ended,
            Subject { node: Some(_), .. } => Verdict::Scheduled,
            Subject { gates, .. } if !gates.is_empty() => Verdict::Gated,
            _ if !self.is_ours() => Verdict::NotOurs,
            _ => Verdict::Schedulable,
        }
    }

    /// What there is to say in a sentence or two; `never` is why no node would do, whichever it is.
    pub(super) fn sentence(&self, answer: &Explanation, never: Option<&str>, remark: Option<&str>) -> String {
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
                let served: Vec<_> = self.served.iter().map(|name| format!("{name:?}")).collect();
                format!(
                    "Our scheduler does not serve the schedulerName {:?}, but only {}. For {DEFAULT_SCHEDULER:?}, {would}.",
                    self.pod.scheduler,
                    served.join(" and ")
                )
            }
            Verdict::Schedulable => format!("It is about to be placed: {would}."),
            Verdict::Preempting => format!("{}.", capitalized(&would)),
            Verdict::Unschedulable => match never {
                Some(why) => format!("No node will do: {why}."),
                None => {
                    let remark = remark.map(|remark| format!(" {remark}")).unwrap_or_default();
                    format!("{}.{remark}", capitalized(&would))
                }
            },
        }
    }
}
