//! What a pod is to the scheduler, and the mark that it leaves on pods that it has decided about.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

/// An annotation: the newest revision of the cluster that the scheduler had seen when it last decided about the pod. It
/// is written together with the binding, or with the condition that says why there is none.
pub const DECIDED_AT: &str = "timonier.dev/decided-at";

/// Where a pod stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Waits for a node from us.
    Unscheduled,
    /// Takes its share of this node.
    Assigned(Arc<str>),
    /// Nothing to do and nothing to count: ended, going away without ever having had a node, gated, or
    /// another scheduler's.
    Ignored,
}

impl Stage {
    /// `ours` knows the values of `spec.schedulerName` that mean us.
    pub fn of(pod: &core::Pod, ours: impl Fn(&str) -> bool) -> Stage {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let spec = pod.spec.as_ref();
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return Stage::Ignored;
        }
        match spec.and_then(|spec| spec.node_name.as_deref()) {
            Some(node) if !node.is_empty() => return Stage::Assigned(node.into()),
            _ => {}
        }
        let ours = spec.is_some_and(|spec| spec.scheduler_name.as_deref().is_none_or(ours));
        let gated = spec.is_some_and(|spec| spec.scheduling_gates.iter().flatten().next().is_some());
        if ours && !gated && pod.metadata.deletion_timestamp.is_none() { Stage::Unscheduled } else { Stage::Ignored }
    }
}
