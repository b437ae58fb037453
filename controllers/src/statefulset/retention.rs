//! Whose a claim is: what its owner references say is what becomes of it when its pod or the set goes. Pure.

use serde_json::{Value, json};
use timonier_client::{Meta, Object, object::OwnerReference};

use crate::{
    objects::{Claim, Pod, StatefulSet},
    owners,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub set_owns: bool,
    pub pod_owns: bool,
}

/// Who shall own the claims of one ordinal; `condemned`: the set has become too small for it.
pub fn policy(set: &StatefulSet, condemned: bool) -> Policy {
    let retention = &set.spec.persistent_volume_claim_retention_policy;
    let pod_owns = &*retention.when_scaled == "Delete" && condemned;
    Policy { pod_owns, set_owns: &*retention.when_deleted == "Delete" && !pod_owns }
}

/// The claim is still another pod's of this name, one that was scaled away: the garbage collector is about to take it.
pub fn is_stale(set: &StatefulSet, pod: &str, claim: &Claim) -> bool {
    let scaled_away = &*set.spec.persistent_volume_claim_retention_policy.when_scaled == "Delete";
    let owners = &claim.metadata.owner_references;
    scaled_away && owners.iter().any(|owner| &*owner.kind == Pod::KIND && &*owner.name == pod)
}

/// The owner references that the claim shall have, if they differ from those that it has. Others' are left alone, and
/// a claim that another controls is none of ours.
pub fn owners_of(set: &StatefulSet, pod: Option<&Meta>, policy: Policy, claim: &Claim) -> Option<Vec<Value>> {
    let now = &claim.metadata.owner_references;
    let is_set = |owner: &OwnerReference| &*owner.kind == StatefulSet::KIND && owner.name == set.metadata.name;
    let is_pod = |owner: &OwnerReference| &*owner.kind == Pod::KIND && pod.is_some_and(|pod| owner.name == pod.name);
    if now.iter().any(|owner| owner.controller && !is_set(owner) && !is_pod(owner)) {
        return None;
    }
    let right = |owner: &OwnerReference| {
        if is_set(owner) {
            policy.set_owns && owner.uid == set.metadata.uid
        } else if is_pod(owner) {
            policy.pod_owns && pod.is_some_and(|pod| owner.uid == pod.uid)
        } else {
            true
        }
    };
    let set_missing = policy.set_owns && !now.iter().any(|owner| is_set(owner) && right(owner));
    let pod = pod.filter(|_| policy.pod_owns);
    let pod_missing = pod.is_some() && !now.iter().any(|owner| is_pod(owner) && right(owner));
    if now.iter().all(right) && !set_missing && !pod_missing {
        return None;
    }
    let mut owners: Vec<Value> = now.iter().filter(|owner| right(owner)).map(|owner| json!(owner)).collect();
    if set_missing {
        owners.push(owners::reference::<StatefulSet>(&set.metadata));
    }
    if let (true, Some(pod)) = (pod_missing, pod) {
        owners.push(owners::reference::<Pod>(pod));
    }
    Some(owners)
}
