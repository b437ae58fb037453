//! Claims: the volumes of those that are bound must be reachable from the node, and for those that wait for their first
//! pod there must be a volume, or a way to make one, on it.

use std::sync::Arc;

use super::{Filter, Judge, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::node::Node;
use crate::pod::Pod;
use crate::site::Site;
use crate::volume::{Bindings, Claim, Given, Volumes};

pub struct VolumeBinding;

impl Filter for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_LABELS | Change::VOLUMES
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a> {
        if pod.claims.is_empty() {
            return Verdict::Indifferent;
        }
        match Claims::of(pod, cluster.volumes()) {
            Ok(claims) => Verdict::Ask(Box::new(claims)),
            Err(why) => Verdict::Never(why.into(), self.curable_by()),
        }
    }
}

/// What a pod's claims have and lack.
pub struct Claims<'a> {
    volumes: &'a Volumes,
    bound: Vec<&'a Claim>,
    waiting: Vec<&'a Claim>,
}

impl<'a> Claims<'a> {
    /// An error: why the pod can run nowhere, yet.
    pub fn of(pod: &'a Pod, volumes: &'a Volumes) -> Result<Claims<'a>, String> {
        let mut claims = Claims { volumes, bound: vec![], waiting: vec![] };
        let mut immediate = false;
        for wanted in &pod.claims {
            let name = &wanted.name;
            let Some(claim) = volumes.claim(&pod.namespace, name) else {
                return Err(match wanted.ephemeral {
                    true => {
                        format!("waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}")
                    }
                    false => format!("persistentvolumeclaim {name:?} not found"),
                });
            };
            if claim.lost {
                let volume = claim.volume.as_deref().unwrap_or_default();
                return Err(format!(
                    "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
                ));
            }
            if claim.deleting {
                return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
            }
            if wanted.ephemeral && claim.owner.as_ref() != Some(&pod.uid) {
                let (namespace, pod) = (&pod.namespace, &pod.name);
                return Err(format!(
                    "PVC {namespace}/{name} was not created for pod {namespace}/{pod} (pod is not owner)"
                ));
            }
            if claim.is_bound() {
                claims.bound.push(claim);
            } else if claim.volume.is_none()
                && volumes.class(&claim.class).is_some_and(|class| class.waits_for_consumer)
            {
                claims.waiting.push(claim);
            } else {
                immediate = true;
            }
        }
        if immediate { Err("pod has unbound immediate PersistentVolumeClaims".to_owned()) } else { Ok(claims) }
    }

    /// What must be written for the pod to run on the node; none: it can't. Claims with the fewest bytes choose first.
    pub fn bindings(&self, node: &Node) -> Option<Bindings> {
        let mut bindings = Bindings::default();
        let mut taken: Vec<Arc<str>> = vec![];
        let mut waiting = self.waiting.clone();
        waiting.sort_by_key(|claim| claim.request);
        for claim in waiting {
            match self.volumes.selected_node(claim) {
                Some(selected) if *selected != node.name => return None,
                Some(_) => {}
                None => {
                    if let Some(volume) = self.volumes.find(claim, Some(node), &taken) {
                        taken.push(volume.name.clone());
                        bindings.give.push((volume.name.clone(), Given { claim: claim.key(), uid: claim.uid.clone() }));
                        continue;
                    }
                }
            }
            if !self.volumes.class(&claim.class)?.provisions_for(node) {
                return None;
            }
            bindings.provision.push(claim.key());
        }
        Some(bindings)
    }
}

impl Judge for Claims<'_> {
    fn refuse(&self, node: &Site<'_>, why: &mut Vec<Reason>) {
        let known: Vec<_> = self.bound.iter().map(|claim| self.volumes.volume(claim.volume.as_deref()?)).collect();
        if known.iter().flatten().any(|volume| !volume.reaches(node)) {
            why.push(Reason::VolumeNodeAffinity);
        }
        if self.bindings(node).is_none() {
            why.push(Reason::NoVolumeToBind);
        }
        if known.iter().any(Option::is_none) {
            why.push(Reason::NoSuchVolume);
        }
    }
}
