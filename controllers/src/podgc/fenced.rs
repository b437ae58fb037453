//! Pods that end on a node of which nothing is heard, and that its agent has ended by now if it lives: a StatefulSet
//! that asked for it goes on elsewhere. Pure.

use std::{collections::HashMap, sync::Arc};

use timonier_client::{Object, Revision, fence};

use crate::{
    nodelifecycle::taints::UNREACHABLE,
    objects::{Node, Pod},
    vigil::{Moment, Sighting},
};

/// Since when each unreachable node has said nothing, with the last that it said.
pub type Silence = HashMap<Arc<str>, (Option<Revision>, Moment)>;

/// The pods that may be removed: deleted, of a node that is unreachable, and silent for as long as they were allowed to
/// go on, and [`fence::MARGIN`] more. A heartbeat begins it anew, and so does a gap in our own time.
pub fn fenced(pods: &[Arc<Pod>], nodes: &[Arc<Node>], sighting: &Sighting, silence: &mut Silence) -> Vec<Arc<Pod>> {
    let is_lost = |node: &Node| !node.is_ready() && node.spec.taints.iter().any(|taint| &*taint.key == UNREACHABLE);
    let lost: HashMap<&str, &Arc<str>> =
        nodes.iter().filter(|node| is_lost(node)).map(|node| (&*node.meta().name, &node.meta().name)).collect();
    silence.retain(|name, _| lost.contains_key(&**name));
    let now = sighting.moment;
    for name in lost.values() {
        let lease = sighting.leases.get(*name).copied();
        let entry = silence.entry(Arc::clone(name)).or_insert((lease, now));
        if entry.0 != lease || now.since(entry.1).is_none() {
            *entry = (lease, now);
        }
    }
    let may_go = |pod: &&Arc<Pod>| {
        let limit = fence::limit(&pod.metadata.annotations).ok().flatten();
        let since = pod.spec.node_name.as_ref().and_then(|node| silence.get(node));
        let (Some(limit), Some((_, since))) = (limit, since) else { return false };
        pod.metadata.is_deleting() && now.since(*since).is_some_and(|passed| passed >= limit + fence::MARGIN)
    };
    pods.iter().filter(may_go).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn node(taint: &str, ready: &str) -> Arc<Node> {
        let taints = json!([{"key": taint, "effect": "NoExecute"}]);
        let conditions = json!([{"type": "Ready", "status": ready}]);
        let node = json!({"metadata": {"name": "a"}, "spec": {"taints": taints}, "status": {"conditions": conditions}});
        Arc::new(serde_json::from_value(node).expect("a node"))
    }

    fn pod(fence: serde_json::Value, deleting: bool) -> Arc<Pod> {
        let mut pod = json!({"metadata": {"name": "db-0", "uid": "u"}, "spec": {"nodeName": "a"}});
        if !fence.is_null() {
            pod["metadata"]["annotations"] = json!({fence::ANNOTATION: fence});
        }
        if deleting {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        Arc::new(serde_json::from_value(pod).expect("a pod"))
    }

    fn seen(seconds: u64, lease: u64, epoch: u64) -> Sighting {
        let moment = Moment { epoch, began: Duration::ZERO, at: Duration::from_secs(seconds) };
        Sighting { moment, leases: Arc::new(HashMap::from([("a".into(), Revision(lease))])) }
    }

    #[test]
    fn only_deleted_pods_with_a_fence_go_and_only_after_it() {
        let lost = [node(UNREACHABLE, "Unknown")];
        let go = |pod: Arc<Pod>, nodes: &[Arc<Node>], seconds: u64| {
            let mut silence = Silence::new();
            let pods = [pod];
            assert!(fenced(&pods, nodes, &seen(1000, 1, 0), &mut silence).is_empty());
            !fenced(&pods, nodes, &seen(1000 + seconds, 1, 0), &mut silence).is_empty()
        };
        let half_a_minute = || json!("30s");
        assert!(go(pod(half_a_minute(), true), &lost, 60) && !go(pod(half_a_minute(), true), &lost, 59));
        assert!(!go(pod(half_a_minute(), false), &lost, 1000), "nobody has deleted it");
        assert!(!go(pod(json!(null), true), &lost, 100_000), "as Kubernetes, it waits for ever");
        assert!(!go(pod(half_a_minute(), true), &[node("own", "Unknown")], 1000));
        assert!(!go(pod(half_a_minute(), true), &[node(UNREACHABLE, "True")], 1000));
    }

    #[test]
    fn a_single_heartbeat_or_a_gap_begins_it_anew() {
        let (nodes, pods) = ([node(UNREACHABLE, "Unknown")], [pod(json!("30s"), true)]);
        let mut silence = Silence::new();
        let mut go = |sighting: Sighting| !fenced(&pods, &nodes, &sighting, &mut silence).is_empty();
        assert!(!go(seen(0, 1, 0)));
        assert!(!go(seen(59, 2, 0)), "it spoke");
        assert!(!go(seen(118, 2, 0)));
        assert!(!go(seen(118, 2, 1)), "we were away");
        assert!(!go(seen(177, 2, 1)));
        assert!(go(seen(178, 2, 1)));
    }
}
