//! Whose pods are whose: owners take in orphans that match, and let go of what no longer does.

use std::sync::Arc;

use timonier_client::{Informer, Object, ObjectKey, Writer};

use crate::{
    objects::{Pod, PodOwner},
    owners,
};

#[derive(Debug, Default)]
pub struct Claimed {
    /// The pods that are the owner's, also those to be adopted.
    pub owned: Vec<Arc<Pod>>,
    pub adopt: Vec<Arc<Pod>>,
    pub release: Vec<Arc<Pod>>,
}

/// Sorts out `pods`: those that the owner controls, and those of its namespace that nobody does. What the selector
/// matches is its own, if it also `belongs`. An owner that is being deleted changes nothing. Pure.
pub fn claim<'a, T: PodOwner>(
    owner: &T,
    pods: impl IntoIterator<Item = &'a Arc<Pod>>,
    belongs: impl Fn(&Pod) -> bool,
) -> Claimed {
    let mut claimed = Claimed::default();
    let deleting = owner.meta().is_deleting();
    for pod in pods {
        let controller = pod.meta().controller();
        let controlled = controller.is_some_and(|found| found.uid == owner.meta().uid);
        let matches = owner.selector().matches(&pod.metadata.labels) && belongs(pod);
        let unsettled = !deleting && !pod.metadata.is_deleting();
        match (controlled, matches) {
            (true, true) => claimed.owned.push(pod.clone()),
            (true, false) if unsettled => claimed.release.push(pod.clone()),
            (false, true) if unsettled && controller.is_none() => {
                claimed.adopt.push(pod.clone());
                claimed.owned.push(pod.clone());
            }
            _ => {}
        }
    }
    claimed
}

impl Claimed {
    /// Writes it down. False: the server says that the owner is gone or going, so that nothing was adopted.
    pub async fn settle<T: PodOwner>(&self, owner: &T, writer: &Writer) -> Result<bool, kube::Error> {
        let wants = self.adopt.is_empty() || owners::still_wants::<T>(writer, owner.meta()).await?;
        if wants {
            for pod in &self.adopt {
                owners::adopt::<Pod>(writer, &pod.metadata, owners::reference::<T>(owner.meta())).await?;
            }
        }
        for pod in &self.release {
            owners::release::<Pod>(writer, &pod.metadata, &owner.meta().uid).await?;
        }
        Ok(wants)
    }
}

/// The pods that an owner decides about: its own, and those of its namespace that nobody controls.
pub fn candidates<T: PodOwner>(owner: &T, pods: &Informer<Pod>) -> Vec<Arc<Pod>> {
    let meta = owner.meta();
    let mut found = pods.controlled_by(&meta.uid);
    found.extend(pods.orphans(meta.namespace.as_deref().unwrap_or_default()));
    found
}

/// The owners that a pod concerns: its controller, or, for an orphan, all that would adopt it.
pub fn concerned<T: PodOwner>(pod: &Pod, owners: &Informer<T>) -> Vec<ObjectKey> {
    let meta = pod.meta();
    let Some(namespace) = &meta.namespace else { return Vec::new() };
    match meta.controller() {
        Some(owner) if &*owner.kind == T::KIND => {
            vec![ObjectKey::namespaced(namespace.clone(), owner.name.clone())]
        }
        Some(_) => Vec::new(),
        None if meta.is_deleting() || meta.labels.is_empty() => Vec::new(),
        None => {
            let owners = owners.in_namespace(namespace);
            let adopters = owners.iter().filter(|owner| owner.selector().matches(&meta.labels));
            adopters.map(|owner| owner.meta().key()).collect()
        }
    }
}
