//! What an explanation tells to whom: nothing of objects that who asks may not read.

use timonier_scheduling::why::Explanation;
use timonier_scheduling::why::document::{Change, Fact, Refusal, Step, held};

use crate::auth::{Attributes, Authorizer};
use crate::identity::Identity;

/// Stands for the name of a pod that is not for these eyes.
const ANOTHER_POD: &str = "a pod of another namespace";

pub fn for_whom(mut told: Explanation, authorizer: &Authorizer, identity: &Identity) -> Explanation {
    let may_list = |resource: &str, namespace: &str| {
        let asked = Attributes { verb: "list", is_resource: true, resource, namespace, ..Attributes::default() };
        authorizer.may(identity, &asked)
    };
    let own = told.metadata.namespace.clone();
    let sees_pod = |name: &str| {
        let namespace = name.split_once('/').map_or("", |(namespace, _)| namespace);
        namespace == own || may_list("pods", namespace)
    };
    let sees_nodes = may_list("nodes", "");
    let groups = told.groups.iter_mut().flat_map(|group| &mut group.refusals);
    let nodes = told.refused.iter_mut().flat_map(|node| &mut node.refusals);
    for refusal in groups.chain(nodes) {
        redact(refusal, sees_nodes, &sees_pod);
    }
    if let Some(preemption) = &mut told.preemption
        && !preemption.victims.iter().all(|pod| sees_pod(pod))
    {
        preemption.victims.clear();
        preemption.violates.clear();
    }
    told.changes.retain(|change| is_seen(change, sees_nodes, &sees_pod));
    told
}

/// Taints and labels of nodes may be confidential, and so are names of others' pods.
fn redact(refusal: &mut Refusal, sees_nodes: bool, sees_pod: &dyn Fn(&str) -> bool) {
    let of_node = matches!(refusal.fact, Fact::Taint { .. } | Fact::NodeSelector { .. } | Fact::Volume { .. });
    if of_node && !sees_nodes {
        refusal.detail = refusal.reason.clone();
        refusal.fact = Fact::Other;
    }
    if !refusal.held_for.iter().all(|pod| sees_pod(pod)) {
        let detail = refusal.detail.strip_suffix(&held(&refusal.held_for)).unwrap_or(&refusal.reason);
        refusal.detail = format!("{detail}{}", held(&[]));
        refusal.held_for.clear();
    }
    if let Fact::HostPort { holder, .. } = &mut refusal.fact
        && !sees_pod(holder)
    {
        refusal.detail = refusal.detail.replace(&**holder, ANOTHER_POD);
        *holder = String::new();
    }
}

/// Whether all that a change names may be read.
fn is_seen(change: &Change, sees_nodes: bool, sees_pod: &dyn Fn(&str) -> bool) -> bool {
    let victims = change.preemption.iter().flat_map(|preemption| &preemption.victims);
    let mut others = victims.chain(change.steps.iter().flat_map(Step::others));
    others.all(|pod| sees_pod(pod))
        && change.steps.iter().all(|step| match step {
            Step::RemovePods { .. } | Step::RemoveNominated { .. } | Step::UsePriorityClass { .. } => true,
            Step::Tolerate { .. } => sees_nodes,
            step => step.node().is_none() || sees_nodes,
        })
}
