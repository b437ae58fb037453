//! Who makes room for a pod: what the scheduler would decide, and what there is to say when nobody does.

use std::sync::Arc;

use super::document::Preemption;
use super::facts::full_name;
use crate::cluster::Cluster;
use crate::pipeline::{Scheduler, Unschedulable};
use crate::pod::Pod;
use crate::preemption::NoPreemption;
use crate::profile::Profile;

/// What becomes of a pod.
pub enum Decision {
    /// It is given this node.
    Placed(Arc<str>),
    /// These end on the node, or are ending, so that it can be.
    Room(Arc<str>, Vec<Arc<Pod>>),
    None(Option<NoPreemption>),
}

/// Decides as the scheduler does; fast on a cluster that follows the pod.
pub fn decide(pod: &Pod, profile: &Profile, cluster: &Cluster) -> Decision {
    let mut scheduler = Scheduler::with_profile(0, profile.clone());
    let refused = match scheduler.schedule(pod, cluster) {
        Ok(decision) => return Decision::Placed(decision.node),
        Err(Unschedulable::NoNodes) => return Decision::None(None),
        Err(Unschedulable::Refused(refused)) => refused,
    };
    match scheduler.preempt(pod, cluster, &refused) {
        Some(Ok(found)) => Decision::Room(found.node, found.victims),
        Some(Err(NoPreemption::Waiting)) => {
            let promised = cluster.nomination(&pod.uid).cloned();
            let there = promised.as_deref().and_then(|name| cluster.node(name)).into_iter();
            let ending = there.flat_map(|node| node.usage().pods()).filter(|other| other.preempted);
            let victims = ending.filter(|other| other.priority < pod.priority).cloned().collect();
            Decision::Room(promised.unwrap_or_default(), victims)
        }
        Some(Err(none)) => Decision::None(Some(none)),
        None => Decision::None(None),
    }
}

/// The same in names.
pub fn told(node: &Arc<str>, victims: &[Arc<Pod>], cluster: &Cluster) -> Preemption {
    let mut names: Vec<_> = victims.iter().map(|pod| full_name(pod)).collect();
    names.sort_unstable();
    // Whoever is ending already violates nothing by it.
    let staying: Vec<_> = victims.iter().filter(|pod| !pod.terminating).cloned().collect();
    Preemption { node: node.to_string(), victims: names, violates: cluster.budgets().violated_by(&staying) }
}

/// Why nobody makes room, where somebody could expect it.
pub fn none(why: &NoPreemption, pod: &Pod, profile: &Profile, cluster: &Cluster) -> Option<String> {
    match why {
        NoPreemption::Policy => {
            let mut bold = pod.clone();
            bold.preempts = true;
            let would = matches!(decide(&bold, profile, cluster), Decision::Room(..));
            would.then(|| "Its preemptionPolicy is Never, so nobody makes room for it.".into())
        }
        NoPreemption::Useless { .. } if pod.priority > 0 => {
            let lesser = |lowest: i32| lowest < pod.priority;
            let any = cluster.nodes().iter().any(|node| node.usage().lowest_priority().is_some_and(lesser));
            Some(match any {
                true => "Less important pods cannot make enough room for it.".into(),
                false => format!("No pod is less important than its priority of {}, so none makes room.", pod.priority),
            })
        }
        _ => None,
    }
}
