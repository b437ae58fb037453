//! Which pods to delete first when there are too many: the order that Kubernetes documents for ReplicaSets.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use jiff::Timestamp;

use crate::objects::Pod;

/// Active pods of the same owner a node.
pub type NodeCrowd = HashMap<Arc<str>, usize>;

/// Sorts so that those to be deleted come first: not assigned, not running, not ready, cheaper, more crowded,
/// ready for a shorter time, restarted more often, younger.
pub fn prefer_to_delete(pods: &mut [Arc<Pod>], crowd: &NodeCrowd, now: Timestamp) {
    pods.sort_by(|a, b| compare(a, b, crowd, now));
}

fn compare(a: &Pod, b: &Pod, crowd: &NodeCrowd, now: Timestamp) -> Ordering {
    let on = |pod: &Pod| crowd_of(pod, crowd);
    let assigned = |pod: &Pod| pod.spec.node_name.is_some();
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| a.status.phase.cmp(&b.status.phase))
        .then_with(|| a.is_ready().cmp(&b.is_ready()))
        .then_with(|| a.deletion_cost().cmp(&b.deletion_cost()))
        .then_with(|| on(b).cmp(&on(a)))
        .then_with(|| younger_first(a.ready_since().flatten(), b.ready_since().flatten(), now))
        .then_with(|| b.restarts().cmp(&a.restarts()))
        .then_with(|| younger_first(a.metadata.creation_timestamp, b.metadata.creation_timestamp, now))
        .then_with(|| a.metadata.uid.cmp(&b.metadata.uid))
}

fn crowd_of(pod: &Pod, crowd: &NodeCrowd) -> usize {
    pod.spec.node_name.as_ref().and_then(|node| crowd.get(node)).copied().unwrap_or(0)
}

/// Ages are compared by magnitude only (powers of two), so that among pods of about one age the choice is
/// spread by uid and not always the newest; an unknown time counts as the youngest.
fn younger_first(a: Option<Timestamp>, b: Option<Timestamp>, now: Timestamp) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => magnitude(a, now).cmp(&magnitude(b, now)),
    }
}

fn magnitude(since: Timestamp, now: Timestamp) -> u32 {
    let age = now.as_nanosecond().saturating_sub(since.as_nanosecond());
    u128::try_from(age).unwrap_or(0).checked_ilog2().map_or(0, |log| log + 1)
}
