//! What a step takes from others: the lower, the smaller the change.
//!
//! | step | cost |
//! |---|---|
//! | remove a scheduling gate | 1 |
//! | tolerate a taint; one that says the node is in trouble | 10; 60 |
//! | uncordon a node | 15 |
//! | lower a request | 10, and up to 50 more for all of it |
//! | label a node, or take a label from it | 20 |
//! | a larger maxSkew, a spread that is a preference | 18, 22 |
//! | required affinity or anti-affinity that is a preference | 25 |
//! | drop a node selector's label, all required node affinity, the node's name | 25, 30, 30 |
//! | remove a taint | 30; 70 |
//! | let a node take more pods | 35 |
//! | another host port | 40 |
//! | a priority class for which others are preempted | 30, and 5 a pod |
//! | remove pods | 30, and for each pod 5 when it has a lower priority, else 20 |
//! | another node | 55 |
//!
//! Steps that are taken together cost what they cost one by one.

use super::document::Step;
use crate::cluster::Cluster;
use crate::pod::Pod;

/// Taints of this group say that a node is in trouble, or not yet set up: nothing runs well there.
const TROUBLE: &str = "node.kubernetes.io/";

pub fn of(steps: &[Step], pod: &Pod, cluster: &Cluster) -> u32 {
    steps.iter().map(|step| one(step, pod, cluster)).fold(0, u32::saturating_add)
}

fn one(step: &Step, pod: &Pod, cluster: &Cluster) -> u32 {
    let trouble = |key: &str| key.starts_with(TROUBLE);
    match step {
        Step::RemoveGate { .. } => 1,
        Step::Tolerate { key, .. } => {
            if trouble(key) {
                60
            } else {
                10
            }
        }
        Step::Uncordon { .. } => 15,
        Step::LowerRequest { from, to, .. } => {
            let share = i128::from(from - to) * 50 / i128::from((*from).max(1));
            10 + u32::try_from(share).unwrap_or(50)
        }
        Step::LabelNode { .. } | Step::UnlabelNode { .. } => 20,
        Step::DropNodeSelector { .. } => 25,
        Step::DropNodeAffinity | Step::DropNodeName => 30,
        Step::Untaint { key, .. } => {
            if trouble(key) {
                70
            } else {
                30
            }
        }
        Step::RaiseMaxPods { .. } => 35,
        Step::DropHostPort { .. } => 40,
        Step::RaiseMaxSkew { .. } => 18,
        Step::SpreadAnyway { .. } => 22,
        Step::DropPodAffinity { .. } | Step::DropAntiAffinity { .. } => 25,
        Step::UsePriorityClass { preempts, .. } => 30 + 5 * preempts.len() as u32,
        Step::RemovePods { node, pods } => {
            let priority = |name: &String| {
                let there = cluster.node(node).into_iter().flat_map(|node| node.usage().pods());
                there.into_iter().find(|pod| super::facts::full_name(pod) == *name).map(|pod| pod.priority)
            };
            let lower = |name: &String| priority(name).is_some_and(|other| other < pod.priority);
            30 + pods.iter().map(|name| if lower(name) { 5 } else { 20 }).sum::<u32>()
        }
        Step::AddNode { .. } => 55,
    }
}
