//! Pods that nobody will ever end. Pure.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use timonier_client::Object;

use crate::{
    nodelifecycle::taints::OUT_OF_SERVICE,
    objects::{Node, Pod},
    vigil::Moment,
};

/// A node must have been missing for this long before its pods are.
pub const QUARANTINE: Duration = Duration::from_secs(40);

/// Since when each node that pods name has not been there.
pub type Missing = HashMap<Arc<str>, Moment>;

#[derive(Debug, Default)]
pub struct Plan {
    /// By the node that is missing; whether it really is must be asked first.
    pub orphans: HashMap<Arc<str>, Vec<Arc<Pod>>>,
    /// They end on a node that is out of service.
    pub out_of_service: Vec<Arc<Pod>>,
    /// They were deleted before they had a node.
    pub unscheduled: Vec<Arc<Pod>>,
    /// They ended, and there are too many: those that were evicted go first, then the oldest.
    pub terminated: Vec<Arc<Pod>>,
}

pub fn plan(pods: &[Arc<Pod>], nodes: &[Arc<Node>], missing: &mut Missing, now: Moment, threshold: usize) -> Plan {
    let by_name: HashMap<&str, &Node> = nodes.iter().map(|node| (&*node.meta().name, &**node)).collect();
    let mut plan = Plan::default();
    let mut still: HashSet<Arc<str>> = HashSet::new();
    let mut ended = Vec::new();
    for pod in pods {
        let deleting = pod.meta().is_deleting();
        if pod.is_finished() {
            ended.push(pod.clone());
        }
        let Some(name) = pod.spec.node_name.as_ref().filter(|name| !name.is_empty()) else {
            if deleting {
                plan.unscheduled.push(pod.clone());
            }
            continue;
        };
        match by_name.get(&**name) {
            None => {
                still.insert(name.clone());
                let since = *missing.entry(name.clone()).or_insert(now);
                match now.since(since) {
                    Some(passed) if passed >= QUARANTINE => {
                        plan.orphans.entry(name.clone()).or_default().push(pod.clone());
                    }
                    Some(_) => {}
                    None => drop(missing.insert(name.clone(), now)),
                }
            }
            Some(node) => {
                let out = deleting && !node.is_ready() && node.spec.taints.iter().any(|t| &*t.key == OUT_OF_SERVICE);
                if out {
                    plan.out_of_service.push(pod.clone());
                }
            }
        }
    }
    missing.retain(|name, _| still.contains(name));
    if threshold > 0 && ended.len() > threshold {
        ended.sort_by_key(|pod| (!pod.was_evicted(), pod.meta().creation_timestamp, pod.meta().key()));
        ended.truncate(ended.len() - threshold);
        plan.terminated = ended;
    }
    plan
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { at: Duration::from_secs(seconds), ..Moment::default() }
    }

    fn pod(name: &str, node: Option<&str>, phase: &str, deleting: bool) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": node}, "status": {"phase": phase},
        });
        if deleting {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        Arc::new(serde_json::from_value(pod).expect("a pod"))
    }

    fn node(name: &str, ready: &str, out_of_service: bool) -> Arc<Node> {
        let taints = if out_of_service { json!([{"key": OUT_OF_SERVICE, "effect": "NoExecute"}]) } else { json!([]) };
        let node = json!({"metadata": {"name": name}, "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}});
        Arc::new(serde_json::from_value(node).expect("a node"))
    }

    fn names(pods: &[Arc<Pod>]) -> Vec<String> {
        pods.iter().map(|pod| pod.meta().name.to_string()).collect()
    }

    #[test]
    fn pods_of_a_node_that_stays_away_are_orphans() {
        let pods = [pod("here", Some("a"), "Running", false), pod("lost", Some("b"), "Running", false)];
        let nodes = [node("a", "True", false)];
        let mut missing = Missing::new();
        assert!(plan(&pods, &nodes, &mut missing, at(100), 10).orphans.is_empty());
        assert!(plan(&pods, &nodes, &mut missing, at(139), 10).orphans.is_empty());
        // A node that is registered again begins anew.
        let both = [node("a", "True", false), node("b", "True", false)];
        assert!(plan(&pods, &both, &mut missing, at(140), 10).orphans.is_empty());
        assert!(plan(&pods, &nodes, &mut missing, at(150), 10).orphans.is_empty());
        let found = plan(&pods, &nodes, &mut missing, at(190), 10).orphans;
        assert_eq!(names(&found["b"]), ["lost"]);
        let gap = Moment { epoch: 1, ..at(191) };
        assert!(plan(&pods, &nodes, &mut missing, gap, 10).orphans.is_empty());
    }

    #[test]
    fn ending_pods_without_anybody_to_end_them_go() {
        let pods = [
            pod("ending", Some("out"), "Running", true),
            pod("running", Some("out"), "Running", false),
            pod("elsewhere", Some("lost"), "Running", true),
            pod("nowhere", None, "Pending", true),
            pod("pending", None, "Pending", false),
        ];
        let nodes = [node("out", "Unknown", true), node("lost", "Unknown", false)];
        let found = plan(&pods, &nodes, &mut Missing::new(), at(0), 10);
        assert_eq!(names(&found.out_of_service), ["ending"]);
        assert_eq!(names(&found.unscheduled), ["nowhere"]);
        let back = [node("out", "True", true), node("lost", "Unknown", false)];
        assert!(plan(&pods, &back, &mut Missing::new(), at(0), 10).out_of_service.is_empty());
    }

    #[test]
    fn of_pods_that_ended_the_newest_stay() {
        let ended = |name: &str| pod(name, Some("a"), "Succeeded", false);
        let pods = [ended("c"), ended("a"), ended("b"), pod("r", Some("a"), "Running", false)];
        let nodes = [node("a", "True", false)];
        let check = |threshold: usize, expect: &[&str]| {
            let found = plan(&pods, &nodes, &mut Missing::new(), at(0), threshold);
            assert_eq!(names(&found.terminated), expect);
        };
        check(2, &["a"]);
        check(3, &[]);
        check(0, &[]);
    }

    #[test]
    fn whatever_has_ended_counts_and_the_evicted_go_first() {
        let evicted = |name: &str, phase: &str| {
            let status = json!({"phase": phase, "reason": "Evicted"});
            let pod = json!({"metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-01-02T00:00:00Z"},
                "spec": {"nodeName": "a"}, "status": status});
            Arc::new(serde_json::from_value::<Pod>(pod).expect("a pod"))
        };
        let pods = [
            pod("nowhere", None, "Failed", false),
            pod("of-a-lost-node", Some("lost"), "Succeeded", false),
            pod("ending", Some("a"), "Succeeded", true),
            evicted("evicted", "Failed"),
            evicted("running", "Running"),
        ];
        let nodes = [node("a", "True", false)];
        let check = |threshold: usize, expect: &[&str]| {
            let found = plan(&pods, &nodes, &mut Missing::new(), at(0), threshold);
            assert_eq!(names(&found.terminated), expect);
        };
        check(4, &[]);
        check(3, &["evicted"]);
        check(2, &["evicted", "ending"]);
        check(1, &["evicted", "ending", "nowhere"]);
    }
}
