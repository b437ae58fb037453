//! What a step takes from others: the lower, the smaller the change.
//!
//! | step | cost |
//! |---|---|
//! | remove a scheduling gate | 1 |
//! | name another scheduler | 5 |
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
//! | a priority class for which others are preempted | 30, and 5 a pod, and 40 for each disruption budget that does not hold |
//! | remove pods | 30, and for each pod 5 when it has a lower priority, else 20, and 40 when a disruption budget protects it |
//! | remove pods that wait for a node | 45 |
//! | another node | 55 |
//!
//! Steps that are taken together cost what they cost one by one.

use std::sync::Arc;

use super::document::Step;
use super::facts::full_name;
use crate::cluster::Cluster;
use crate::pod::Pod;

/// Taints of this group say that a node is in trouble, or not yet set up: nothing runs well there.
const TROUBLE: &str = "node.kubernetes.io/";

pub fn of(steps: &[Step], pod: &Pod, cluster: &Cluster) -> u32 {
    steps.iter().map(|step| one(step, pod, cluster)).fold(0, u32::saturating_add)
}

/// Which of two changes of the same kind and cost is the smaller one.
pub fn size(steps: &[Step]) -> u128 {
    let one = |step: &Step| match step {
        Step::LowerRequest { from, to, .. } => {
            // Shares, so that amounts of several resources add up.
            u128::from((from - to).unsigned_abs()) * 1_000_000_000_000_000_000
                / u128::from((*from).max(1).unsigned_abs())
        }
        Step::RaiseMaxSkew { to, .. } | Step::RaiseMaxPods { to, .. } => u128::from(to.unsigned_abs()),
        Step::UsePriorityClass { value, .. } => u128::from(value.unsigned_abs()),
        _ => 0,
    };
    steps.iter().map(one).sum()
}

/// Whether the pod would go where a taint says that nothing runs well.
pub fn leads_into_trouble(steps: &[Step]) -> bool {
    steps
        .iter()
        .any(|step| matches!(step, Step::Tolerate { key, .. } | Step::Untaint { key, .. } if key.starts_with(TROUBLE)))
}

fn one(step: &Step, pod: &Pod, cluster: &Cluster) -> u32 {
    let trouble = |key: &str| key.starts_with(TROUBLE);
    match step {
        Step::RemoveGate { .. } => 1,
        Step::UseScheduler { .. } => 5,
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
        Step::UsePriorityClass { preempts, violates, .. } => {
            let pods = u32::try_from(preempts.len().max(1)).unwrap_or(u32::MAX);
            let violated = u32::try_from(violates.len()).unwrap_or(u32::MAX);
            30 + pods.saturating_mul(5).saturating_add(violated.saturating_mul(40))
        }
        Step::RemovePods { node, pods, .. } => {
            // Those that are elsewhere in its zone are not looked for: there may be many changes to compare.
            let there = cluster.node(node).into_iter().flat_map(|node| node.usage().pods());
            let here: Vec<_> = there.filter(|other| pods.contains(&full_name(other))).cloned().collect();
            let elsewhere = u32::try_from(pods.len().saturating_sub(here.len())).unwrap_or(u32::MAX).saturating_mul(20);
            let each = |other: &Arc<Pod>| if other.priority < pod.priority { 5 } else { 20 };
            let protected = cluster.budgets().violated(&here).into_iter().filter(|protected| *protected).count();
            let protected = u32::try_from(protected).unwrap_or(u32::MAX).saturating_mul(40);
            let all = [elsewhere, protected].into_iter().chain(here.iter().map(each));
            all.fold(30u32, u32::saturating_add)
        }
        Step::RemoveNominated { .. } => 45,
        Step::AddNode { .. } => 55,
    }
}
